"""Lies about polls and about people who move."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CUT, POLLS, MOVES = "domain/cut.py", "domain/decide/polls.py", "domain/decide/moves.py"
CLOSING, FACTS = "domain/decide/closing.py", "storage/poll_facts.py"

VOTING = (
    Mutant(
        "mover_counts_twice",
        CUT,
        "                newest[cast.person] = cast\n",
        "                newest[cast.person + cast.end.region] = cast\n",
        "14.7: one person has one ballot, wherever they live",
    ),
    Mutant(
        "cut_ignored",
        CUT,
        "        if cast.end.seq <= last.get(_id(cast.end)[:3], 0):",
        "        if cast.end.seq:",
        "14.4: a ballot counts if and only if it is under the cut",
    ),
    Mutant(
        "closed_without_waiting",
        CLOSING,
        "    if late and context.now < until:",
        "    if late and not until:",
        "14.4: the home waits for every region, a day at most",
    ),
    Mutant(
        "kept_ballot_given_again",
        POLLS,
        "    if poll.secret and now.value in NO_CHOICE and facts.ballot_kept(post.post, who.person):",
        "    if poll.secret and not post.post and facts.ballot_kept(post.post, who.person):",
        "14.7: a new home takes no second secret ballot",
    ),
    Mutant(
        "taken_over_too_early",
        MOVES,
        "        if facts.lane_seq(tip.region, tip.epoch, tip.lane) < tip.seq:",
        "        if tip.seq < 1:",
        "18.1: the new home holds what was written for the person",
    ),
    Mutant(
        "taken_over_unreleased",
        MOVES,
        "    if not _released(person, facts) or found is None:",
        "    if found is None:",
        "18.1: nobody takes over whom the old home has not released",
    ),
    Mutant(
        "release_numbered_anew",
        MOVES,
        "NODE, event, (), new_rev=False)",
        "NODE, event, ())",
        "18.1: a release has the number of its handover, also from a log that was restored",
    ),
    Mutant(
        "former_homes_not_waited_for",
        FACTS,
        "_WHERE_FROM, _WHERE_TO = select(_w.region), ",
        '_WHERE_FROM, _WHERE_TO = select(_p.home).where(_p.home != ""), ',
        "14.3: the home waits where somebody may have voted",
    ),
)
