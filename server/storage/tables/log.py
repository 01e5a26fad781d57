"""The log: lanes, events, heads and forks. The truth; only ever appended to, but for what an erasure takes out."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from server.storage.tables.columns import Big, big, key, metadata, small, words

lanes = Table(
    "lanes",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=False),
    Column("region", Text, nullable=False),
    Column("epoch", Big, nullable=False),
    Column("lane", Text, nullable=False),
    Column("seq", Big, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("region", "epoch", "lane"),
)
"""The tip of every lane this node holds: seq of the last event and its chain hash. All up to it is here."""

events = Table(
    "events",
    metadata,
    Column("position", Big, primary_key=True, autoincrement=False),
    Column("lane_id", Big, nullable=False),
    Column("seq", Big, nullable=False),
    Column("type", Text, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("salt", LargeBinary),
    Column("body", LargeBinary),
    UniqueConstraint("lane_id", "seq"),
)
"""Every event of every origin in this node's commit order. Salt and body are null once erased."""

ABOUT_COMPANY = text("type IN ('key.rotated', 'key.retired', 'roster.changed', 'log.closed')")
"""What the links must know before they start; spelt alike in the index and the query, as SQLite asks."""
Index(
    "ix_events_company",
    events.c.position,
    sqlite_where=ABOUT_COMPANY,
    postgresql_where=ABOUT_COMPANY,
)

LISTED = text(
    "type IN ('person.registered', 'person.profile_changed', 'person.status_changed', 'person.role_changed',"
    " 'person.handed_over', 'person.taken_over', 'community.created', 'community.changed',"
    " 'community.role_changed', 'topic.defined')"
)
"""What posts cannot be shown without: who people are, and which communities there are. Spelt alike in the index and
the query."""
Index(
    "ix_events_listed",
    events.c.lane_id,
    events.c.seq,
    sqlite_where=LISTED,
    postgresql_where=LISTED,
)

leads = small(
    "leads",
    Column("lane_id", Big, primary_key=True, autoincrement=False),
    big("base"),
    Column("base_hash", LargeBinary, nullable=False),
    big("seq"),
    Column("hash", LargeBinary, nullable=False),
    big("listed"),
)
"""Lanes of which fresh events are held and earlier ones are still missing (docs/protocol/federation.md 19): base + 1
to ``seq`` are here, and of those before only what ``lanes`` says, and single listed events up to ``listed``."""

event_channels = small("event_channels", key("channel"), key("position", Big))
"""Which events a channel shows, in order: catching up costs what the reader is owed."""

bodies = small("bodies", key("post"), key("position", Big))
"""Which events hold words of a post and are not found on its thread's channel: edits, reports, and
copies in further lanes, which are shown to nobody."""

heads = small(
    "heads",
    key("lane_id", Big),
    key("seq", Big),
    Column("hash", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)
"""Signed heads received with foreign batches: what lets this node relay a lane later."""

node = Table(
    "node",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("region", Text, nullable=False),
    Column("epoch", Big, nullable=False),
    Column("opened_position", Big, nullable=False),
    Column("hlc", Big, nullable=False),
    big("recovering_since"),
    words("vocabulary"),
    big("unread"),
    big("reading"),
)
"""One row (id 1): whose database this is and the epoch it is writing. ``recovering_since``: when that was
begun in doubt, until what peers held beyond it is back; else 0. ``vocabulary``: what could be read when the tables
were folded, ``unread``: 1 if not all could be, ``reading``: how often other tables came of it (``vocabulary``)."""

forks = Table(
    "forks",
    metadata,
    key("region"),
    key("epoch", Big),
    key("lane"),
    Column("seq", Big, nullable=False),
    Column("proof", LargeBinary, nullable=False),
    big("found_at"),
    big("resolved_at"),
)
"""Lanes of which an origin signed two histories, with the FORK frame that proves it. ``seq``: an event there
are two of. Left out for ever; ``resolved_at`` only ends the alarm."""
