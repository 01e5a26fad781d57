"""Lies about who belongs to the company, and about keys that follow one another and end."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

TRUST, ROSTERS = "federation/trust.py", "federation/rosters.py"
ENDS, PAGES = "federation/ends.py", "federation/pages.py"
HANDSHAKE, FLOW = "federation/handshake.py", "federation/flow.py"

BELONGING = (
    Mutant(
        "succession_unsigned",
        TRUST,
        "        self.check(word.region, word.by, word.signature, word.signed_bytes)\n",
        "",
        "17.2: only a key names its successor",
    ),
    Mutant(
        "successors_unbounded",
        TRUST,
        "        if name not in known and len(known) >= limits.KEYS_PER_REGION_MAX:",
        "        if not known:",
        "I9: keys of a region have a limit",
    ),
    Mutant(
        "ended_key_signs_on",
        ENDS,
        "        if last is not None and seq > last:",
        "        if last is not None and seq > last + 1:",
        "17.3: an ended key vouches for nothing beyond its end",
    ),
    Mutant(
        "ended_key_opens_epochs",
        ENDS,
        "        return self._last_epoch is None or lane.epoch <= self._last_epoch",
        "        return True",
        "17.3: an ended key vouches for no later epoch",
    ),
    Mutant(
        "ended_key_goes_back",
        TRUST,
        "    if earlier is not None:\n",
        "    if earlier and len(earlier) > 64:\n",
        "17.3: an ended key makes no earlier epoch longer",
    ),
    Mutant(
        "ended_key_makes_up_epochs",
        ENDS,
        "        if last is None and lane.epoch < self._told_before.get(lane.lane, 0):",
        "        if last is None and not lane.epoch:",
        "17.3: in an earlier epoch that is not named an ended key vouches for nothing",
    ),
    Mutant(
        "end_in_another_epoch",
        ENDS,
        "            if end.epoch < lane.epoch:",
        "            if end.epoch > 0:",
        "17.3: an event speaks for the past alone",
    ),
    Mutant(
        "first_end_counts",
        ENDS,
        "        self._last[lane] = min(seq, self._last.get(lane, seq))",
        "        self._last.setdefault(lane, seq)",
        "17.3: whatever order the words come in",
    ),
    Mutant(
        "ended_head_passed_on",
        PAGES,
        "        if head is None or self._roster.believes(head):",
        "        if head is None or self._roster.knows(head.region, head.key_id):",
        "17.3: nobody sends what an ended key signed beyond its end",
    ),
    Mutant(
        "ended_key_proves",
        TRUST,
        "    if roster.has_ended(proof.region, proof.key_id):",
        "    if not proof.region:",
        "17.3: an ended key proves nobody",
    ),
    Mutant(
        "thief_names_successor",
        TRUST,
        "        trusted = [word for word in words if (word.region, word.by) not in self._pinned_ends]",
        "        trusted = words",
        "17.3: successions by a stolen key are forgotten",
    ),
    Mutant(
        "hello_without_keys",
        HANDSHAKE,
        "        keys = self._roster.words(me.region)",
        "        keys = ()",
        "17.2: HELLO says why its key is the region's",
    ),
    Mutant(
        "keys_not_told",
        FLOW,
        "            if known := self._roster.words():\n                self.tell_keys(known)\n",
        "",
        "17.2: keys are told before what they signed",
    ),
    Mutant(
        "one_signature_enough",
        ROSTERS,
        "    if len(by) < limits.ROSTER_SIGNATURES_MIN:",
        "    if not by:",
        "17.1: two administrators sign",
    ),
    Mutant(
        "new_administrators_sign",
        ROSTERS,
        "    before = current or candidate",
        "    before = candidate",
        "17.1: those before sign a newer roster",
    ),
    Mutant(
        "older_roster_wins",
        ROSTERS,
        "    if current is not None and candidate.version <= current.version:",
        "    if current is not None and candidate.version == current.version:",
        "17.1: the version only grows",
    ),
    Mutant(
        "who_left_gets_a_link",
        ROSTERS,
        "                if entry.left is None and entry.region != me and document.region(me)",
        "                if entry.region != me and document.region(me)",
        "17.4: nobody keeps a link with who has left",
    ),
)
