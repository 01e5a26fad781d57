"""The same of secret polls: what is told of them, and to whom (I11)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from server.domain.events import BallotCast, encode_body
from server.domain.visibility import GLOBAL
from tests.simulation.byhand import POLL, RANKED, SECRET, Place, voted_in_secret
from tests.simulation.oracle import Broken
from tests.unit.federation.lab import batch_of


def test_a_secret_ballot_that_goes_out_is_seen() -> None:
    place = Place(SECRET)
    with pytest.raises(Broken, match="a secret ballot goes out in global"):
        place.writes("fr", BallotCast(**place.of, rev=1, choices=(0,), secret=True), "fr0")


def test_a_sub_tally_for_anybody_but_the_polls_home_is_seen() -> None:
    place = Place(SECRET)
    place.votes("fr0", 0)
    with pytest.raises(Broken, match=r"a sub-tally goes out in pair\.fr\.in"):
        place.tallies("fr", 1, lane="pair.fr.in")


def test_a_sub_tally_of_more_than_voted_is_seen() -> None:
    place = Place(SECRET)
    place.votes("fr0", 0)
    with pytest.raises(Broken, match=r"fr's sub-tally .* voters 2, not 1"):
        place.tallies("fr", 2)


def test_counts_of_a_sub_tally_that_do_not_follow_are_seen() -> None:
    place = Place(replace(RANKED, secret=True))
    place.votes("fr0", 1, 0)
    place.votes("fr1", 1, 2, 0)
    right: dict[str, Any] = {"counts": (0, 2, 0), "pairs": (0, 0, 1, 2, 0, 2, 1, 0, 0)}
    for wrong in ({"counts": (1, 1, 0)}, {"pairs": (0, 0, 1, 2, 0, 1, 1, 0, 0)}):
        with pytest.raises(Broken, match=rf"fr's sub-tally .*: {next(iter(wrong))} "):
            place.tallies("fr", 2, **right | wrong)


def test_a_part_that_is_not_the_sum_of_its_regions_is_seen() -> None:
    place, result = voted_in_secret(replace(RANKED, secret=True))
    for wrong in ({"voters": 6}, {"counts": (4, 1, 0)}, {"pairs": (0, 5, 4, 0, 0, 0, 0, 0, 0)}):
        parts = (result.parts[0], replace(result.parts[1], **wrong))
        with pytest.raises(Broken, match="is not what its regions counted"):
            place.writes("de", replace(result, parts=parts))


def test_a_region_in_two_parts_or_in_none_is_seen() -> None:
    place, result = voted_in_secret()
    both = (*result.parts, result.parts[1])
    with pytest.raises(Broken, match="has a region in two parts"):
        place.writes("de", replace(result, parts=both))
    place, result = voted_in_secret()
    less = place.secret_result({"de": place.told["de"]})
    with pytest.raises(Broken, match=f"all of {POLL}: voters 5, not 10"):
        place.writes("de", less)


def test_a_secret_quorum_that_was_not_reached_is_seen() -> None:
    place, result = voted_in_secret(replace(SECRET, quorum_people=11))
    with pytest.raises(Broken, match="quorum True, not False"):
        place.writes("de", replace(result, quorum=True))


def test_a_voter_in_two_sub_tallies_is_seen() -> None:
    place = Place(SECRET)
    place.votes("fr0", 0)
    place.votes("fr0", 0, region="in")
    place.tallies("fr", 1)
    with pytest.raises(Broken, match=r"in and fr both count .*fr0"):
        place.tallies("in", 1)


def test_a_region_that_tells_of_its_secret_ballots_is_seen() -> None:
    place = Place(SECRET)
    with pytest.raises(Broken, match="tells of its secret ballots"):
        place.stops("fr", place.votes("fr0", 0))


def test_a_part_of_fewer_than_five_is_seen() -> None:
    place, result = voted_in_secret()
    small = replace(result.parts[0], regions=("fr",), voters=2, counts=(2, 0, 0))
    other = replace(result.parts[0], regions=("in",), voters=3, counts=(3, 0, 0))
    with pytest.raises(Broken, match=r"I11: .* are shown"):
        place.writes("de", replace(result, parts=(small, other, result.parts[1])))


def test_counts_of_fewer_than_five_are_seen() -> None:
    place = Place(SECRET)
    place.votes("fr0", 0)
    result = place.secret_result({"fr": place.tallies("fr", 1)})
    with pytest.raises(Broken, match=r"I11: .* counts \(1, 0, 0\), not \(\)"):
        place.writes("de", replace(result, counts=(1, 0, 0)))


def test_enough_who_voted_in_secret_and_are_not_shown_are_seen() -> None:
    place, result = voted_in_secret()
    with pytest.raises(Broken, match="shows no part"):
        place.writes("de", replace(result, counts=(), order=(), parts=()))


def test_a_secret_result_of_more_than_the_sub_tallies_is_seen() -> None:
    place, result = voted_in_secret()
    with pytest.raises(Broken, match="voters 11, not 10"):
        place.writes("de", replace(result, voters=11))


def test_a_private_body_on_a_wire_is_seen() -> None:
    place = Place(SECRET)
    ballot, tally = place.votes("fr0", 0), place.tallies("fr", 1)
    bodies = [encode_body(written.event) for written in (ballot, tally)]
    for key, body in zip((ballot.key, tally.key), bodies, strict=True):
        with pytest.raises(Broken, match="in is sent what only some may see"):
            place.record.sent("in", batch_of(key, [body]))
    place.record.sent("de", batch_of(tally.key, bodies[1:]))
    place.record.sent("fr", batch_of(tally.key, bodies[1:]))  # its own, by way of another
    with pytest.raises(Broken, match="de is sent what only some may see"):
        place.record.sent("de", batch_of(ballot.key, bodies[:1]))


def test_what_is_private_stays_so_in_spite_of_a_fork() -> None:
    place, result = voted_in_secret()
    place.forks("fr")
    tally, ballot = place.tallies("fr", 2), place.votes("in1", 0, rev=2)
    for lane, event in ((GLOBAL, ballot.event), ("pair.fr.in", tally.event)):
        with pytest.raises(Broken, match=r"I11: a .* goes out in"):
            place.writes("fr", event, "fr0", lane)
    for written in (tally, ballot):
        with pytest.raises(Broken, match="jp is sent what only some may see"):
            place.record.sent("jp", batch_of(written.key, [encode_body(written.event)]))
    small = replace(result.parts[0], voters=3)
    with pytest.raises(Broken, match=r"I11: .* are shown"):
        place.writes("de", replace(result, parts=(small, result.parts[1])))
    with pytest.raises(Broken, match="tells of its secret ballots"):
        place.stops("fr", ballot)
