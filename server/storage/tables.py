"""Every table, once, in SQLAlchemy Core, in a form both SQLite and PostgreSQL accept.

Three groups:

- *the log*: lanes, leads, events, event_channels, bodies, heads, forks. The truth; only ever appended to, but for
  what an erasure takes out of it.
- *projections*: folds of the log. Dropped and rebuilt at will (``tap rebuild``); equal on every node
  for the same set of events (I6), except columns marked ``local``, which hold this node's own
  positions and are left out of digests between nodes.
- *node tables*: accounts, sessions, command keys, consumer cursors. This node's own, never federated.

Booleans are bound as Python bools, lists and maps as JSON text, times as UTC milliseconds.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
    true,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Big = BigInteger().with_variant(Integer, "sqlite")
"""64 bits everywhere; on SQLite ``INTEGER`` so that a primary key is the row id itself."""


def _key(name: str, kind: Any = Text) -> "Column[Any]":
    return Column(name, kind, primary_key=True, nullable=False)


def _text(name: str, default: str = "") -> "Column[Any]":
    return Column(name, Text, nullable=False, server_default=default)


def _big(name: str) -> "Column[Any]":
    return Column(name, Big, nullable=False, server_default="0")


def _flag(name: str) -> "Column[Any]":
    return Column(name, Boolean, nullable=False)


def _local(name: str = "local_position") -> "Column[Any]":
    """This node's commit position of the last change; excluded when nodes are compared."""
    return Column(name, Big, nullable=False, server_default="0", info={"local": True})


def _small(name: str, *columns: Any) -> Table:
    """A table whose rows are little more than their key: clustered by it on SQLite."""
    return Table(name, metadata, *columns, sqlite_with_rowid=False)


# -- the log -----------------------------------------------------------------------------------------

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

leads = _small(
    "leads",
    Column("lane_id", Big, primary_key=True, autoincrement=False),
    _big("base"),
    Column("base_hash", LargeBinary, nullable=False),
    _big("seq"),
    Column("hash", LargeBinary, nullable=False),
    _big("listed"),
)
"""Lanes of which fresh events are held and earlier ones are still missing (docs/protocol/federation.md 19): base + 1
to ``seq`` are here, and of those before only what ``lanes`` says, and single listed events up to ``listed``."""

event_channels = _small("event_channels", _key("channel"), _key("position", Big))
"""Which events a channel shows, in order: catching up costs what the reader is owed."""

bodies = _small("bodies", _key("post"), _key("position", Big))
"""Which events hold words of a post and are not found on its thread's channel: edits, reports, and
copies in further lanes, which are shown to nobody."""

heads = _small(
    "heads",
    _key("lane_id", Big),
    _key("seq", Big),
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
    _big("recovering_since"),
)
"""One row (id 1): whose database this is and the epoch it is writing. ``recovering_since``: when that was
begun in doubt, until what peers held beyond it is back; else 0."""

forks = Table(
    "forks",
    metadata,
    _key("region"),
    _key("epoch", Big),
    _key("lane"),
    Column("seq", Big, nullable=False),
    Column("proof", LargeBinary, nullable=False),
    _big("found_at"),
    _big("resolved_at"),
)
"""Lanes of which an origin signed two histories, with the FORK frame that proves it. ``seq``: an event there
are two of. Left out for ever; ``resolved_at`` only ends the alarm."""

# -- projections: people and places --------------------------------------------------------------------

persons = Table(
    "persons",
    metadata,
    _key("person"),
    _text("home"),
    _text("name"),
    _text("title"),
    _text("unit"),
    _text("country"),
    _text("about"),
    _text("skills", "[]"),
    _text("locale"),
    _text("timezone"),
    _flag("bot"),
    _flag("active"),
    _text("source"),
    _big("rev"),
    _big("status_rev"),
    _big("home_rev"),
    _text("registered_in"),
    _text("previous"),
    _text("moving_to"),
    _local(),
)
"""``registered_in``: the region whose registration counts, the lowest code of those that claim it.
``home``, ``previous`` and ``moving_to`` are one register (``home_rev``)."""

person_homes = _small("person_homes", _key("person"), _key("region"))
"""Every region that ever wrote for a person: whose lanes may hold something of their own."""

releases = _small(
    "releases",
    _key("person"),
    _text("origin"),
    _text("to_"),
    _big("rev"),
    _text("cut", "[]"),
    _text("carried_keys", "[]"),
)
"""The last word of an old home about somebody who moves; known to the two regions only."""

fuller_profiles = _small(
    "fuller_profiles",
    _key("person"),
    _big("rev"),
    _text("title"),
    _text("unit"),
    _text("country"),
    _text("about"),
    _text("skills", "[]"),
    _text("locale"),
    _text("timezone"),
    _big("given"),
    _text("lane"),
)
"""What this node knows of a person beyond the global lane, as of ``rev``: at home all there is, in a
policy group what the group may have. ``given``: how many fields say something; the fuller copy wins."""

residency = _small(
    "residency",
    _key("region"),
    _big("rev"),
    _text("policy"),
    _text("regions", "[]"),
    _text("groups", "{}"),
)

person_roles = _small("person_roles", _key("person"), _key("role"), _big("rev"), _flag("on_"))

communities = Table(
    "communities",
    metadata,
    _key("community"),
    _text("home"),
    _text("name"),
    _text("about"),
    _text("visibility"),
    _text("audience"),
    _flag("archived"),
    _text("mode", "quiet"),
    _text("owner"),
    _text("source"),
    _big("at"),
    _big("rev"),
    _local(),
)

memberships = _small(
    "memberships", _key("community"), _key("person"), _big("rev"), _flag("joined"), _local()
)
Index("ix_memberships_person", memberships.c.person)

community_roles = _small(
    "community_roles", _key("community"), _key("person"), _big("rev"), _text("role"), _local()
)
Index("ix_community_roles_person", community_roles.c.person)

conversations = Table(
    "conversations",
    metadata,
    _key("conversation"),
    _text("home"),
    _text("title"),
    _text("members", "[]"),
    _big("at"),
    _big("rev"),
    _local(),
)

conversation_members = _small("conversation_members", _key("person"), _key("conversation"))

read_marks = _small("read_marks", _key("person"), _key("channel"), _big("up_to"))

# -- projections: content --------------------------------------------------------------------------------

posts = Table(
    "posts",
    metadata,
    _key("post"),
    _text("kind"),
    _text("place"),
    _text("root"),
    _text("parent"),
    _text("author"),
    _big("at"),
    _text("title"),
    _text("text"),
    _text("topics", "[]"),
    _text("mentions", "[]"),
    _text("lang"),
    Column("detail", Text),
    _text("source"),
    _big("rev"),
    _big("edited_at"),
    _flag("deleted"),
    _flag("erased"),
    _local(),
)
"""Posts, replies and messages. ``detail``: JSON of the kind's own part (poll, paper, praise ...).

A row with an empty ``kind`` is a tombstone or edit whose post has not arrived yet."""
_TOP, _BELOW = text("parent = ''"), text("parent <> ''")
Index("ix_posts_place", posts.c.place, posts.c.at, sqlite_where=_TOP, postgresql_where=_TOP)
Index("ix_posts_root", posts.c.root, posts.c.at, sqlite_where=_BELOW, postgresql_where=_BELOW)
Index("ix_posts_author", posts.c.author, posts.c.at)

post_revisions = _small(
    "post_revisions",
    _key("post"),
    _key("rev", Big),
    _text("title"),
    _text("text"),
    _text("reason"),
    _big("at"),
)

post_topics = _small("post_topics", _key("topic"), _key("post"))

post_counts = _small(
    "post_counts",
    _key("post"),
    _text("root"),
    _text("place"),
    _big("replies"),
    _big("helpful"),
    _big("solved"),
    _big("votes_up"),
    _big("votes_down"),
    _big("acknowledged"),
    _local("local_changed"),
)
"""Counters of a post, conflated to readers; found by channel for those who come back."""
Index("ix_post_counts_place", post_counts.c.place, post_counts.c.local_changed)
Index("ix_post_counts_root", post_counts.c.root, post_counts.c.local_changed)

emoji_counts = _small("emoji_counts", _key("post"), _key("emoji"), _big("n"))

media_posts = _small(
    "media_posts",
    _key("post"),
    _key("hash"),
    _big("rank"),
    _text("type"),
    _big("size"),
    _text("name"),
    _big("width"),
    _big("height"),
    _text("alt"),
    _flag("stays"),
    Column("thumbnail", LargeBinary, nullable=False),
    _text("origin"),
    Column("lanes", Text, nullable=False, server_default="[]", info={"local": True}),
)
"""The files of posts that stand. ``lanes``: in which lanes of ``origin`` the post came here: whoever may
receive one of them may have the bytes. Regions differ in which copies of a post they get."""
Index("ix_media_posts_hash", media_posts.c.hash)

# -- projections: judgements -----------------------------------------------------------------------------

reactions = _small(
    "reactions",
    _key("target"),
    _key("person"),
    _key("reaction"),
    _key("emoji"),
    _big("rev"),
    _flag("on_"),
)
Index("ix_reactions_person", reactions.c.person, reactions.c.target)

acceptances = _small(
    "acceptances", _key("question"), _text("answer"), _text("person"), _big("rev"), _text("source")
)
verifications = _small("verifications", _key("target"), _key("person"), _big("rev"), _flag("on_"))
citations = _small(
    "citations", _key("cited"), _key("citing"), _text("person"), _big("rev"), _flag("on_")
)
imported_votes = _small(
    "imported_votes", _key("system"), _key("source_id"), _text("target"), _text("vote"), _big("at")
)
follows = _small("follows", _key("person"), _key("kind"), _key("target"), _big("rev"), _flag("on_"))
acknowledgements = _small("acknowledgements", _key("post"), _key("person"), _big("at"))
idea_stages = _small(
    "idea_stages",
    _key("post"),
    _text("stage"),
    _text("owner"),
    Column("due", Big),
    _text("note"),
    _text("person"),
    _big("rev"),
)
moderations = _small(
    "moderations",
    _key("target"),
    _key("act"),
    _text("person"),
    _text("reason"),
    _big("rev"),
    _flag("on_"),
)
hidden_at_home = _small(
    "hidden_at_home", _key("target"), _text("person"), _text("reason"), _big("rev"), _flag("on_")
)
flags = _small(
    "flags",
    _key("target"),
    _key("person"),
    _text("place"),
    _text("reason"),
    _big("rev"),
    _flag("on_"),
)
flag_resolutions = _small(
    "flag_resolutions",
    _key("target"),
    _text("person"),
    _text("place"),
    _flag("upheld"),
    _text("note"),
    _big("rev"),
)
topics = _small(
    "topics",
    _key("topic"),
    _text("names", "{}"),
    _text("parent"),
    _text("synonyms", "[]"),
    _big("rev"),
)
standings = _small(
    "standings",
    _key("person"),
    _big("day"),
    _text("rules"),
    _big("standing"),
    _big("level"),
    _text("topics", "{}"),
    Column("shown", Boolean, nullable=False, server_default=true()),
    _big("rev"),
    _text("origin"),
    _big("epoch"),
    _big("seq"),
)
"""What is published of a person: nothing where ``shown`` is false. ``origin``, ``epoch`` and ``seq``: where it
stands in its region's global lane; the next root there covers it."""
scoring_policies = _small("scoring_policies", _key("region"), _big("rev"), _text("policy"))
scoring_choices = _small("scoring_choices", _key("person"), _big("rev"), _text("choice", "{}"))
"""Who has no row has chosen nothing."""
scoring_histories = _small("scoring_histories", _key("person"), _big("rev"), _big("before"))
"""Whose ledger began anew, and when."""
scoring_roots = _small(
    "scoring_roots",
    _key("region"),
    _key("epoch", Big),
    _key("seq", Big),
    _big("day"),
    _text("rules"),
    _text("quarter"),
    _text("cut", "[]"),
    _big("people"),
    _text("root"),
)
cases = _small(
    "cases",
    _key("case_id"),
    _key("region"),
    _text("kind"),
    _text("parties", "[]"),
    _text("quarter"),
    _text("reason"),
    _text("person"),
    _text("line"),
    _text("content"),
    _text("about"),
    _big("received"),
    _text("flows", "[]"),
    _big("at"),
)
"""``person``: who opened it, empty for the node. ``region``: whose case it is; ``about``: appealed against."""
Index("ix_cases_newest", cases.c.region, cases.c.at, cases.c.case_id)
case_parties = _small("case_parties", _key("person"), _key("case_id"), _key("region"))
case_decisions = _small(
    "case_decisions",
    _key("case_id"),
    _key("region"),
    _big("rev"),
    _text("outcome"),
    _text("reason"),
    _text("person"),
    _big("at"),
)
credit_rulings = _small(
    "credit_rulings",
    _key("case_id"),
    _key("region"),
    _big("rev"),
    _text("quarter"),
    _text("pairs", "[]"),
)
"""What cases come to: of other regions too, whose cases themselves are nobody's business here."""
erasures = _small(
    "erasures",
    _key("request"),
    _text("scope"),
    _text("target"),
    _text("reason"),
    _text("origin"),
    _text("person"),
    _big("posts"),
    _big("at"),
    Column("lanes", Text, nullable=False, server_default="[]", info={"local": True}),
)
"""``person``: who asked. ``lanes``: in which of its origin's lanes it came here."""
erasure_receipts = _small(
    "erasure_receipts", _key("request"), _key("region"), _big("bodies"), _big("at")
)

# -- projections: polls ----------------------------------------------------------------------------------

ballots = _small(
    "ballots",
    _key("poll"),
    _key("person"),
    _text("choices", "[]"),
    _big("rev"),
    _flag("withdrawn"),
)
"""Each person's ballot as of now; where a poll was cut, ``ballot_casts`` knows which one counts."""
ballot_casts = _small(
    "ballot_casts",
    _key("poll"),
    _key("region"),
    _key("epoch", Big),
    _key("lane"),
    _key("seq", Big),
    _text("person"),
    _big("rev"),
    _text("choices", "[]"),
    _flag("withdrawn"),
)
"""Every ballot event where it stands in its lane: what can be counted again under a cut."""
ballots_kept = _small("ballots_kept", _key("poll"), _key("person"))
"""Movers who voted in a secret poll at an earlier home."""
poll_choices = _small(
    "poll_choices", _key("poll"), _key("choice", SmallInteger), _big("votes"), _big("firsts")
)
"""Ballots as of now: how many name a choice (single: votes for it), and how many name it first."""
polls = _small(
    "polls",
    _key("poll"),
    _text("place"),
    _text("home"),
    _big("closes_at"),
    _flag("secret"),
    _flag("closing"),
    _big("voters"),
    _local("local_changed"),
)
"""``home``: the region that published the poll, which closes it; empty until the post is here."""
Index("ix_polls_place", polls.c.place, polls.c.local_changed)
poll_regions = _small(
    "poll_regions",
    _key("poll"),
    _key("region"),
    _big("voters"),
    _text("counts", "[]"),
    _text("pairs", "[]"),
    _big("rev"),
    _big("closed_epoch"),
    _big("closed_at"),
    _text("ends", "[]"),
    _text("waits_for", "[]"),
    _big("verdict"),
)
"""What each region said: its sub-tally (rev > 0), that it closed (closed_epoch > 0), whether it counts
the same (verdict 1) or not (2)."""
poll_outcomes = _small(
    "poll_outcomes", _key("poll"), _key("region"), _big("rank"), _text("outcome", "{}")
)
"""The ``poll.closed`` a region published; the one of the poll's home counts. ``rank``: minus its epoch."""

PROJECTIONS: tuple[Table, ...] = (
    persons,
    fuller_profiles,
    residency,
    person_homes,
    person_roles,
    releases,
    communities,
    memberships,
    community_roles,
    conversations,
    conversation_members,
    read_marks,
    posts,
    post_revisions,
    post_topics,
    media_posts,
    post_counts,
    emoji_counts,
    reactions,
    acceptances,
    verifications,
    citations,
    imported_votes,
    follows,
    acknowledgements,
    idea_stages,
    moderations,
    hidden_at_home,
    flags,
    flag_resolutions,
    topics,
    standings,
    scoring_policies,
    scoring_choices,
    scoring_histories,
    scoring_roots,
    cases,
    case_parties,
    case_decisions,
    credit_rulings,
    erasures,
    erasure_receipts,
    ballots,
    ballot_casts,
    ballots_kept,
    poll_choices,
    polls,
    poll_regions,
    poll_outcomes,
)

# -- scoring: a consumer's own fold of the tap, rebuilt by replaying from position 0 -----------------------

score_acts = Table(
    "score_acts",
    metadata,
    _key("act"),
    _text("giver"),
    _text("author"),
    _text("content"),
    _text("quarter"),
    Column("data", Text, nullable=False),
)
"""The acts that may earn somebody credit, as the scoring module takes them (JSON)."""
Index("ix_score_acts_author", score_acts.c.author, score_acts.c.quarter)
Index("ix_score_acts_giver", score_acts.c.giver, score_acts.c.quarter)
Index("ix_score_acts_content", score_acts.c.content)

score_rulings = Table(
    "score_rulings",
    metadata,
    _key("act"),
    _text("giver"),
    _text("author"),
    _text("content"),
    _text("quarter"),
    Column("data", Text, nullable=False),
)
"""What people decided about credits between people. Read whole: people decide some hundred in a year."""

credits_ = Table(
    "credits",
    metadata,
    _key("act"),
    _text("person"),
    _big("at"),
    _big("milli_points"),
    _text("quarter"),
    Column("line", Text, nullable=False),
)
"""The ledger lines of people whose home is here; ``line`` explains itself (JSON)."""
Index("ix_credits_person", credits_.c.person, credits_.c.at)

# -- who knows: another consumer's fold, likewise (app.experts) ---------------------------------------------

expertise_answers = _small(
    "expertise_answers",
    _key("answer"),
    _text("thread"),
    _text("author"),
    _text("asker"),
    _text("asker_unit"),
    _text("topics", "[]"),
    _big("at"),
    _big("quality"),
    _flag("good"),
)
"""Answers in places that everybody in every region may read, each with how it did in its thread.
``topics``: with all above them."""
Index("ix_expertise_answers_thread", expertise_answers.c.thread)
Index("ix_expertise_answers_author", expertise_answers.c.author, expertise_answers.c.at)

expertise = _small(
    "expertise",
    _key("topic"),
    _key("person"),
    _flag("shown"),
    _big("place"),
    _flag("expert"),
    _big("score"),
    _big("answers"),
    _big("good"),
    _big("askers"),
    _big("units"),
    _big("last_at"),
)
"""What people's answers tell about them and a topic, as of the day the consumer stands at. ``shown``: to others;
``place``: a number that orders a topic's people, the least first."""
Index(
    "ix_expertise_topic",
    expertise.c.topic,
    expertise.c.shown,
    expertise.c.place,
    expertise.c.person,
)
Index("ix_expertise_person", expertise.c.person, expertise.c.place)

expertise_calls = _small(
    "expertise_calls", _key("person"), _key("thread"), _text("asker"), _big("at")
)
"""Open questions that name somebody who has not answered yet."""
Index("ix_expertise_calls_thread", expertise_calls.c.thread)

first_uses = _small(
    "first_uses", _key("content"), _key("region"), _text("person"), _big("at"), _big("accepted_at")
)
"""When somebody of a region first used a content of ``person``'s (as the event said), and first accepted it
(``NEVER`` for not yet)."""
Index("ix_first_uses_person", first_uses.c.person)

milestone_medians = _small("milestone_medians", _key("milestone"), _big("days"), _big("people"))

# -- views: made of the tables above from time to time (server/app/views.py) -------------------------------

merits = Table(
    "merits",
    metadata,
    _key("period"),
    _key("community"),
    _key("topic"),
    _key("person"),
    _big("milli"),
    _big("people"),
    _big("units"),
    _big("countries"),
    _text("kinds", "{}"),
    _flag("listed"),
    sqlite_with_rowid=False,
)
"""What somebody's public credits in a community come to in a month or quarter. ``listed``: a board may name
them, when it was made; whoever reads asks again."""
Index(
    "ix_merits_board",
    merits.c.period,
    merits.c.community,
    merits.c.topic,
    merits.c.listed,
    merits.c.milli,
)

leader_months = _small(
    "leader_months",
    _key("person"),
    _key("month"),
    _big("members"),
    _text("measures", "{}"),
)
"""How everybody who leads answered, as this node sees it (JSON)."""
Index("ix_leader_months_month", leader_months.c.month)

published_figures = _small(
    "published_figures",
    _key("view"),
    _key("period"),
    _key("cell"),
    _text("figures", "{}"),
    _big("at"),
)
"""Figures about groups as they were published (JSON), once for each period and never again: what changed since
would be told by the difference. A row with an empty ``cell`` says that the period is published."""

recognition_reads = _small(
    "recognition_reads",
    _key("person"),
    _key("at", Big),
    _key("reader"),
    _text("quarter"),
)
"""Who took a list of nominees, and whom it named: told to those people. An empty ``person``: the reading itself."""

# -- node tables -------------------------------------------------------------------------------------------

command_keys = _small(
    "command_keys",
    # The key first: clients make keys that grow with time, so new rows land side by side.
    _key("key"),
    _key("person"),
    Column("digest", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    _big("at"),
)
"""Each command's client key with the hash of its body and the first answer (I2)."""

accounts = Table(
    "accounts",
    metadata,
    _key("person"),
    _text("password_hash"),
    _flag("disabled"),
    _big("created_at"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    _text("person"),
    _text("kind"),
    _text("label"),
    _big("created_at"),
    _big("expires_at"),
    _text("names", "shown"),
)
"""Browser sessions and device tokens by the SHA-256 of their secret; the secret is never stored. ``names``: whom
a service may read about in the tap (``app.naming``)."""
Index("ix_sessions_person", sessions.c.person)

erasing = _small("erasing", _key("request"), _big("position"), _big("bodies"))
"""What each erasure destroyed here, counted as it was done: said in this region's receipt."""
moves_attended = _small("moves_attended", _key("person"), _big("rev"), _text("to_"))
"""Up to which change of home this node has done its part, and for which region it copied."""
media = _small(
    "media",
    _key("hash"),
    _text("type"),
    _big("size"),
    _big("width"),
    _big("height"),
    Column("thumbnail", LargeBinary, nullable=False),
    _flag("stays"),
    _big("at"),
)
"""Files whose bytes lie here, below data_dir/media; ``thumbnail`` of those that were uploaded here."""

uploads = _small("uploads", _key("hash"), _key("person"), _flag("used"), _big("at"))
"""Who may attach a file. ``used``: a post has it, so the post alone says how long it is kept."""
Index("ix_uploads_person", uploads.c.person, uploads.c.at)

media_loose = _small("media_loose", _key("hash"))
"""Files that lost a post or were never used: to be looked at, and deleted unless something needs them. What is
owed to an erasure is here until the bytes are gone."""

consumers = _small("consumers", _key("name"), _big("epoch"), _big("position"), _text("rules"))
"""Durable cursors of in-process readers of the tap."""

webhooks = Table(
    "webhooks",
    metadata,
    _key("webhook"),
    _text("label"),
    _text("url"),
    _text("mode"),
    _text("filter", "{}"),
    _text("names"),
    Column("secret", LargeBinary, nullable=False),
    Column("secret_before", LargeBinary, nullable=False),
    _big("before_until"),
    _big("rate"),
    _text("person"),
    _big("at"),
    _text("state"),
    _big("position"),
    _big("size"),
    _big("failures"),
    _big("failing_since"),
    _big("next_at"),
    _text("reason"),
)
"""Receivers outside that the tap's events are sent to. The secrets are sealed (``app.sealing``); ``rate``: requests
a minute that the receiver allows, 0 for any; from ``state`` on where it stands (``app.webhook_steps``)."""

webhook_dead = _small(
    "webhook_dead",
    _key("webhook"),
    _key("position", Big),
    _text("event"),
    _text("type"),
    _text("error"),
    _big("attempts"),
    _big("at"),
)
"""Events that a receiver would not have. The event itself is in the log."""
