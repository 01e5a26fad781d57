"""Lies about lanes whose newest events come first."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

LEADS, LEADING, LANES = "domain/leads.py", "federation/leading.py", "federation/lanes.py"
INTAKE, SERVING = "federation/intake.py", "federation/serving.py"
LOG, WRITER = "storage/event_log.py", "storage/log_writer.py"
TRACKS = "federation/tracks.py"

EARLY = (
    Mutant(
        "base_not_compared",
        LEADS,
        "        told[lead.base], told[lead.seq] = lead.base_hash, lead.hash\n",
        "        told[lead.seq] = lead.hash\n",
        "19.3: what is filled leads to the hash the lead is based on",
    ),
    Mutant(
        "listed_event_not_compared",
        LEADS,
        "    told = dict(known)\n",
        "    told: dict[int, bytes] = {}\n",
        "I5, 19.3: every event that came early is compared",
    ),
    Mutant(
        "listed_events_reach_into_the_lead",
        LEADS,
        "        if end > lead.base:",
        "        if end > lead.seq:",
        "19.3: listed events end at the base",
    ),
    Mutant(
        "lead_with_a_hole",
        LEADS,
        "    if batch.after > lead.seq:",
        "    if batch.after > lead.seq + 1:",
        "19.3: a lead is without a hole",
    ),
    Mutant(
        "contradiction_passed_over",
        LEADING,
        "    if lead and (at := contradiction(verified, {}, lead)) is not None:",
        "    if lead and (at := contradiction(verified, {}, lead)) == 0:",
        "9.4, 19.3: a base that does not fit proves a fork",
    ),
    Mutant(
        "whole_one_too_early",
        LEADING,
        "    if lead is None or held.seq < lead.base:",
        "    if lead is None or held.seq < lead.base - 1:",
        "19.3: a lane is whole when what is held reaches the base",
    ),
    Mutant(
        "stored_as_whole_one_too_early",
        WRITER,
        "        if lead is None or lane.seq < lead.base:",
        "        if lead is None or lane.seq < lead.base - 1:",
        "I5, 19.3: the log is whole when it reaches the base",
    ),
    Mutant(
        "early_event_stored_twice",
        WRITER,
        "            if header.seq in known:\n                continue\n",
        "",
        "I5, 19.3: what came early is not stored again",
    ),
    Mutant(
        "lead_forgotten_at_restart",
        WRITER,
        "        for key in self._leading:\n",
        "        for key in set[LaneKey]():\n",
        "I1, 19.2: a lead goes on from where it was committed",
    ),
    Mutant(
        "early_events_passed_on",
        LOG,
        "        t.events.c.seq <= select(t.lanes.c.seq).where(*_LANE).scalar_subquery(),\n",
        "",
        "I5, 19.3: nobody is sent a lane that skips something",
    ),
    Mutant(
        "early_acknowledged_as_whole",
        INTAKE,
        "                early = self._grown(lane, done.batch)\n",
        "                early = self._grown(lane, done.batch)\n                seq = early.seq\n",
        "I5, 19.3: tips never name more than is held without a hole",
    ),
    Mutant(
        "early_acknowledged_when_verified",
        INTAKE,
        "        lane.lead = grown(lane.lead, batch)\n        return lane.lead\n",
        "        lane.lead = grown(lane.lead, batch)\n        return lane.verified.lead or lane.lead\n",
        "I1, 19.3: an ACK names what of a lead is committed",
    ),
    Mutant(
        "any_gap_is_a_lead",
        INTAKE,
        "        return 0 < self._fresh < after - lane.asked and may_lead(key, self._me)",
        "        return 0 < self._fresh and may_lead(key, self._me)",
        "9.3, 19.3: a small gap is a loss",
    ),
    Mutant(
        "lead_not_named",
        INTAKE,
        "self._credit, without, hashes, self._fresh, leads)",
        "self._credit, without, hashes, self._fresh)",
        "19.2: a sender goes on with the lead that is held",
    ),
    Mutant(
        "control_has_a_lead",
        LANES,
        '    shared = key.lane == visibility.GLOBAL or key.lane.startswith("group.")',
        '    shared = key.lane != "local"',
        "19.2: what ends something comes whole and first",
    ),
    Mutant(
        "own_past_has_a_lead",
        LANES,
        "    return shared and key.region != receiver",
        "    return shared",
        "16, 19.2: one's own lanes come back in order",
    ),
    Mutant(
        "listed_before_the_lead_begins",
        SERVING,
        "        return fresh.sent > base or stuck",
        "        return True",
        "19.2: listed events come once the lead has begun",
    ),
    Mutant(
        "fresh_events_wait_in_line",
        TRACKS,
        "        if track.key.lane == visibility.CONTROL or track.course is Course.FRESH:",
        "        if track.key.lane == visibility.CONTROL:",
        "9.2, 19.2: the lead goes before what lies behind it",
    ),
    Mutant(
        "listed_events_last",
        TRACKS,
        "        if track.course is Course.LISTED:\n            return 0\n",
        "        if track.course is Course.LISTED:\n            return 3\n",
        "19.2: posts are not shown without people and communities",
    ),
    Mutant(
        "lead_acknowledged_beyond_the_log",
        SERVING,
        "            courses = self._courses(lead.key, max(lead.seq, lead.listed))",
        "            courses = self._courses(lead.key, 0)",
        "9.3, 19.3: what does not exist cannot be acknowledged",
    ),
    Mutant(
        "lead_counts_as_tip",
        "federation/links.py",
        "if record.id[:2] == self._me[:2]]",
        "if record.id]",
        "I5, 19.3: an event says nothing about those before it",
    ),
    Mutant(
        "ballot_behind_a_hole_counts",
        "storage/poll_facts.py",
        '_IN_ORDER = select(*[_c[name] for name in _CAST]).where(_c.poll == bindparam("poll"), ~_BEYOND)',
        '_IN_ORDER = select(*[_c[name] for name in _CAST]).where(_c.poll == bindparam("poll"))',
        "14.4, 19.4: a cut counts only what is held without a hole",
    ),
)
