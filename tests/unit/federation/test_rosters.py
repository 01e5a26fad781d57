"""The signed roster: who may change it, and what a node makes of it (docs/protocol/federation.md 17.1)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.federation import rosters
from server.federation.lanes import Reach
from server.federation.membership import changes
from server.federation.rosters import (
    Admin,
    Place,
    RegionKey,
    RosterDocument,
    RosterRegion,
    SignedRoster,
)
from server.federation.trust import ANY_KEY, Roster, key_id
from tests.unit.federation.lab import key_of, public_of

ADMINS = ("ada", "bo", "cy")


def admin(name: str) -> Admin:
    return Admin(name=name, key=public_of(f"admin {name}"))


def region(code: str, **changed: Any) -> RosterRegion:
    entry = RosterRegion(
        region=code,
        name=code.title(),
        url=f"https://{code}.example.com",
        keys=(RegionKey(key=public_of(code)),),
    )
    return msgspec.structs.replace(entry, **changed)


def document(version: int = 1, **changed: Any) -> RosterDocument:
    made = RosterDocument(
        version=version,
        admins=tuple([admin(name) for name in ADMINS]),
        regions=(region("de"), region("fr"), region("in")),
        groups={"eu": ("de", "fr")},
    )
    return msgspec.structs.replace(made, **changed)


def signed(made: RosterDocument, by: Sequence[str] = ("ada", "bo")) -> SignedRoster:
    roster = rosters.drafted(made)
    for name in by:
        roster = rosters.signed(roster, key_of(f"admin {name}"))
    return rosters.decode(rosters.encode(roster))


def refused(candidate: SignedRoster, current: SignedRoster | None) -> Code:
    with pytest.raises(Refused) as error:
        rosters.succeeds(candidate, current)
    return error.value.refusal.code


# -- bytes ------------------------------------------------------------------------------------------------


def test_a_file_says_the_same_to_whoever_reads_it() -> None:
    roster = signed(document(3))
    assert rosters.decode(rosters.encode(roster)) == roster
    assert roster.document == document(3)
    assert json.loads(rosters.encode(roster))["roster"]["version"] == 3


def test_fields_of_a_later_version_are_covered_and_passed_over() -> None:
    plain = rosters.drafted(document()).text
    later = SignedRoster(document(), plain.replace(b"{", b'{"tomorrow": [1], ', 1), ())
    for name in ("ada", "cy"):
        later = rosters.signed(later, key_of(f"admin {name}"))
    read = rosters.decode(rosters.encode(later))
    assert read.document == document()
    assert rosters.succeeds(read, None)
    without = rosters.encode(read).replace(b'"tomorrow": [1], ', b"")
    assert refused(rosters.decode(without), None) is Code.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", Code.BAD_FRAME),
        (b"\xff", Code.BAD_FRAME),
        (b"[]", Code.BAD_FRAME),
        (b'{"roster": {}, "signatures": []}', Code.BAD_FRAME),
        (b'{"roster": {"version": 0, "admins": [], "regions": []}}', Code.BAD_FRAME),
        (b'{"roster": {"version": 1, "admins": [], "regions": []}}', Code.BAD_VALUE),
        (b'{"roster": ' + b"[" * 2_000 + b"]" * 2_000 + b"}", Code.BAD_FRAME),
        (b" " * (limits.ROSTER_BYTES_MAX + 1), Code.TOO_LARGE),
    ],
)
def test_what_is_no_roster_is_refused(raw: bytes, code: Code) -> None:
    with pytest.raises(Refused) as error:
        rosters.decode(raw)
    assert error.value.refusal.code is code


@given(st.binary(max_size=200))
def test_any_bytes_are_a_roster_or_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        rosters.decode(raw)


@pytest.mark.parametrize(
    "changed",
    [
        {"admins": (admin("ada"),)},
        {"admins": (admin("ada"), Admin(name="bo", key=admin("ada").key))},
        {"admins": (admin("ada"), admin("bo"), Admin(name="x", key=admin("bo").key))},
        {"regions": ()},
        {"regions": (region("de"), region("de"))},
        {"groups": {"eu": ("de", "zz")}},
    ],
)
def test_a_roster_that_contradicts_itself_is_refused(changed: dict[str, Any]) -> None:
    text = msgspec.json.encode(document(**changed))
    with pytest.raises(Refused) as error:
        rosters.decode(rosters.encode(SignedRoster(document(), text, ())))
    assert error.value.refusal.code is Code.BAD_VALUE


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "ftp://de.example.com"},
        {"url": "https://de.example.com/path"},
        {"region": "DE"},
        {"keys": ()},
        {"keys": (RegionKey(key=b"short"),)},
        {"name": ""},
    ],
)
def test_a_region_outside_its_bounds_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Refused) as error:
        rosters.drafted(document(regions=(region("de", **changed),)))
    assert error.value.refusal.code is Code.BAD_FRAME


# -- who may change it ----------------------------------------------------------------------------------


def test_the_first_is_signed_by_two_of_its_own_administrators() -> None:
    assert rosters.succeeds(signed(document()), None)
    for by in ((), ("ada",), ("ada", "mallory")):
        assert refused(signed(document(), by), None) is Code.BAD_SIGNATURE


def test_a_newer_one_is_signed_by_two_of_those_before() -> None:
    current = signed(document(4))
    assert rosters.succeeds(signed(document(5)), current)
    assert rosters.succeeds(signed(document(9), ("bo", "cy")), current)
    # New administrators cannot let themselves in; those before can.
    taken = document(5, admins=(admin("mallory"), admin("eve")))
    assert refused(signed(taken, ("mallory", "eve")), current) is Code.BAD_SIGNATURE
    assert refused(signed(taken, ("ada", "mallory")), current) is Code.BAD_SIGNATURE
    handed_over = signed(taken, ("ada", "cy"))
    assert rosters.succeeds(handed_over, current)
    assert refused(signed(document(6)), handed_over) is Code.BAD_SIGNATURE


def test_one_administrator_signs_once() -> None:
    once = rosters.signed(rosters.drafted(document()), key_of("admin ada"))
    with pytest.raises(Refused):
        rosters.signed(once, key_of("admin ada"))
    twice = msgspec.structs.replace(once, signatures=once.signatures * 2)
    assert refused(twice, None) is Code.BAD_SIGNATURE


def test_the_version_only_grows() -> None:
    current = signed(document(4))
    assert rosters.succeeds(current, current) is False
    assert rosters.succeeds(signed(document(3)), current) is False
    other = signed(document(4, groups={}))
    assert refused(other, current) is Code.CONFLICT


def test_a_signature_covers_every_byte() -> None:
    raw = rosters.encode(signed(document()))
    for old, new in ((b"de.example.com", b"dd.example.com"), (b'"version": 1', b'"version": 2')):
        assert refused(rosters.decode(raw.replace(old, new, 1)), None) is Code.BAD_SIGNATURE


# -- what a node makes of it ----------------------------------------------------------------------------


def dials(_region: str) -> bool:
    return True


def test_who_is_in_it_gets_a_link_with_everybody_who_has_not_left() -> None:
    left = region("in", left=Place(epoch=7, seq=9))
    made = document(regions=(region("de"), region("fr"), left))
    company = rosters.company(made, "de", dials, (public_of("de"),))
    assert [(peer.region, peer.url) for peer in company.peers] == [("fr", "https://fr.example.com")]
    assert set(company.keys) == {"de", "fr", "in"}, "others keep and pass on what they have of it"
    assert company.ended == ((ANY_KEY, LaneKey("in", 7, "control"), 9),)
    stranger = rosters.company(made, "br", dials, (public_of("br"),))
    assert stranger.peers == ()


def test_a_node_believes_the_key_it_signs_by() -> None:
    company = rosters.company(document(), "de", dials, (public_of("de's next"),))
    assert company.keys["de"] == (public_of("de"), public_of("de's next"))


def test_a_lost_key_ends_where_the_administrators_say() -> None:
    lost = RegionKey(key=public_of("fr"), ends=Place(epoch=7, seq=3))
    entry = region("fr", keys=(lost, RegionKey(key=public_of("fr 2"))))
    company = rosters.company(
        document(regions=(region("de"), entry)), "de", dials, (public_of("de"),)
    )
    roster, reach = Roster({}), Reach(frozenset(), {})
    company.take_effect(roster, reach)
    old, control = key_id(public_of("fr")), LaneKey("fr", 7, "control")
    assert roster.has_ended("fr", old)
    assert roster.vouches(old, control, 3)
    assert not roster.vouches(old, control, 4)
    assert not roster.vouches(old, LaneKey("fr", 8, "global"), 1)
    assert roster.knows("fr", key_id(public_of("fr 2")))


def test_only_links_that_a_newer_roster_concerns_begin_anew() -> None:
    def made(**changed: Any) -> Any:
        return rosters.company(document(**changed), "de", dials, (public_of("de"),))

    before = made()
    assert changes(before, made(version=2)) == ((), (), ())
    more = made(regions=(region("br"), region("de"), region("fr", url="https://fr2.example.com")))
    added, removed, anew = changes(before, more)
    assert [peer.region for peer in added] == ["br"]
    assert removed == ("in",)
    assert [peer.region for peer in anew] == ["fr"]
    for other in ({"groups": {}}, {"protocol_min": 2}):
        assert [peer.region for peer in changes(before, made(**other)).anew] == ["fr", "in"]


def test_a_link_begins_anew_when_a_key_of_its_region_has_ended() -> None:
    """Who holds the connection may have proven it by that very key, and is sent what is the region's."""

    def made(*keys: RegionKey) -> Any:
        regions = (region("de"), region("fr", keys=keys), region("in"))
        return rosters.company(document(regions=regions), "de", dials, (public_of("de"),))

    stolen, newest = RegionKey(key=public_of("fr")), RegionKey(key=public_of("fr 2"))
    ended = RegionKey(key=public_of("fr"), ends=Place(epoch=7, seq=3))
    found = changes(made(stolen, newest), made(ended, newest))
    assert [peer.region for peer in found.anew] == ["fr"]
