"""Projections: polls."""

from sqlalchemy import Index, SmallInteger

from server.storage.tables.columns import Big, big, flag, key, local, small, words

ballots = small(
    "ballots",
    key("poll"),
    key("person"),
    words("choices", "[]"),
    big("rev"),
    flag("withdrawn"),
)
"""Each person's ballot as of now; where a poll was cut, ``ballot_casts`` knows which one counts."""
ballot_casts = small(
    "ballot_casts",
    key("poll"),
    key("region"),
    key("epoch", Big),
    key("lane"),
    key("seq", Big),
    words("person"),
    big("rev"),
    words("choices", "[]"),
    flag("withdrawn"),
)
"""Every ballot event where it stands in its lane: what can be counted again under a cut."""
ballots_kept = small("ballots_kept", key("poll"), key("person"))
"""Movers who voted in a secret poll at an earlier home."""
poll_choices = small(
    "poll_choices", key("poll"), key("choice", SmallInteger), big("votes"), big("firsts")
)
"""Ballots as of now: how many name a choice (single: votes for it), and how many name it first."""
polls = small(
    "polls",
    key("poll"),
    words("place"),
    words("home"),
    big("closes_at"),
    flag("secret"),
    flag("closing"),
    big("voters"),
    local("local_changed"),
)
"""``home``: the region that published the poll, which closes it; empty until the post is here."""
Index("ix_polls_place", polls.c.place, polls.c.local_changed)
poll_regions = small(
    "poll_regions",
    key("poll"),
    key("region"),
    big("voters"),
    words("counts", "[]"),
    words("pairs", "[]"),
    big("rev"),
    big("closed_epoch"),
    big("closed_at"),
    words("ends", "[]"),
    words("waits_for", "[]"),
    big("verdict"),
)
"""What each region said: its sub-tally (rev > 0), that it closed (closed_epoch > 0), whether it counts
the same (verdict 1) or not (2)."""
poll_outcomes = small(
    "poll_outcomes", key("poll"), key("region"), big("rank"), words("outcome", "{}")
)
"""The ``poll.closed`` a region published; the one of the poll's home counts. ``rank``: minus its epoch."""
