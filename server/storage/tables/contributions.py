"""What contributions were worth: what regions and people say of it, cases, and the folds of its consumers."""

from sqlalchemy import Boolean, Column, Index, Table, Text, true

from server.storage.tables.columns import Big, big, flag, key, metadata, small, words

# -- projections ------------------------------------------------------------------------------------------

standings = small(
    "standings",
    key("person"),
    big("day"),
    words("rules"),
    big("standing"),
    big("level"),
    words("topics", "{}"),
    Column("shown", Boolean, nullable=False, server_default=true()),
    big("rev"),
    words("origin"),
    big("epoch"),
    big("seq"),
)
"""What is published of a person: nothing where ``shown`` is false. ``origin``, ``epoch`` and ``seq``: where it
stands in its region's global lane; the next root there covers it."""
scoring_policies = small("scoring_policies", key("region"), big("rev"), words("policy"))
scoring_choices = small("scoring_choices", key("person"), big("rev"), words("choice", "{}"))
"""Who has no row has chosen nothing."""
scoring_histories = small("scoring_histories", key("person"), big("rev"), big("before"))
"""Whose ledger began anew, and when."""
scoring_roots = small(
    "scoring_roots",
    key("region"),
    key("epoch", Big),
    key("seq", Big),
    big("day"),
    words("rules"),
    words("quarter"),
    words("cut", "[]"),
    big("people"),
    words("root"),
)
cases = small(
    "cases",
    key("case_id"),
    key("region"),
    words("kind"),
    words("parties", "[]"),
    words("quarter"),
    words("reason"),
    words("person"),
    words("line"),
    words("content"),
    words("about"),
    big("received"),
    words("flows", "[]"),
    big("at"),
)
"""``person``: who opened it, empty for the node. ``region``: whose case it is; ``about``: appealed against."""
Index("ix_cases_newest", cases.c.region, cases.c.at, cases.c.case_id)
case_parties = small("case_parties", key("person"), key("case_id"), key("region"))
case_decisions = small(
    "case_decisions",
    key("case_id"),
    key("region"),
    big("rev"),
    words("outcome"),
    words("reason"),
    words("person"),
    big("at"),
)
credit_rulings = small(
    "credit_rulings",
    key("case_id"),
    key("region"),
    big("rev"),
    words("quarter"),
    words("pairs", "[]"),
)
"""What cases come to: of other regions too, whose cases themselves are nobody's business here."""

# -- scoring: a consumer's own fold of the tap, rebuilt by replaying from position 0 -----------------------

score_acts = Table(
    "score_acts",
    metadata,
    key("act"),
    words("giver"),
    words("author"),
    words("content"),
    words("quarter"),
    Column("data", Text, nullable=False),
)
"""The acts that may earn somebody credit, as the scoring module takes them (JSON)."""
Index("ix_score_acts_author_giver", score_acts.c.author, score_acts.c.quarter, score_acts.c.giver)
Index("ix_score_acts_giver", score_acts.c.giver, score_acts.c.quarter)
Index("ix_score_acts_content", score_acts.c.content)

score_rulings = Table(
    "score_rulings",
    metadata,
    key("act"),
    words("giver"),
    words("author"),
    words("content"),
    words("quarter"),
    Column("data", Text, nullable=False),
)
"""What people decided about credits between people. Read whole: people decide some hundred in a year."""

credits_ = Table(
    "credits",
    metadata,
    key("act"),
    words("person"),
    big("at"),
    big("milli_points"),
    words("quarter"),
    Column("line", Text, nullable=False),
)
"""The ledger lines of people whose home is here; ``line`` explains itself (JSON)."""
Index("ix_credits_person", credits_.c.person, credits_.c.at)

# -- who knows: another consumer's fold, likewise (app.experts) ---------------------------------------------

expertise_answers = small(
    "expertise_answers",
    key("answer"),
    words("thread"),
    words("author"),
    words("asker"),
    words("asker_unit"),
    words("topics", "[]"),
    big("at"),
    big("quality"),
    flag("good"),
)
"""Answers in places that everybody in every region may read, each with how it did in its thread.
``topics``: with all above them."""
Index("ix_expertise_answers_thread", expertise_answers.c.thread)
Index("ix_expertise_answers_author", expertise_answers.c.author, expertise_answers.c.at)

expertise = small(
    "expertise",
    key("topic"),
    key("person"),
    flag("shown"),
    big("place"),
    flag("expert"),
    big("score"),
    big("answers"),
    big("good"),
    big("askers"),
    big("units"),
    big("last_at"),
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

expertise_calls = small("expertise_calls", key("person"), key("thread"), words("asker"), big("at"))
"""Open questions that name somebody who has not answered yet."""
Index("ix_expertise_calls_thread", expertise_calls.c.thread)

first_uses = small(
    "first_uses", key("content"), key("region"), words("person"), big("at"), big("accepted_at")
)
"""When somebody of a region first used a content of ``person``'s (as the event said), and first accepted it
(``NEVER`` for not yet)."""
Index("ix_first_uses_person", first_uses.c.person)

milestone_medians = small("milestone_medians", key("milestone"), big("days"), big("people"))

# -- views: made of the tables above from time to time (server/app/views.py) -------------------------------

merits = Table(
    "merits",
    metadata,
    key("period"),
    key("community"),
    key("topic"),
    key("person"),
    big("milli"),
    big("people"),
    big("units"),
    big("countries"),
    words("kinds", "{}"),
    flag("listed"),
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

leader_months = small(
    "leader_months",
    key("person"),
    key("month"),
    big("members"),
    words("measures", "{}"),
)
"""How everybody who leads answered, as this node sees it (JSON)."""
Index("ix_leader_months_month", leader_months.c.month)

published_figures = small(
    "published_figures",
    key("view"),
    key("period"),
    key("cell"),
    words("figures", "{}"),
    big("at"),
)
"""Figures about groups as they were published (JSON), once for each period and never again: what changed since
would be told by the difference. A row with an empty ``cell`` says that the period is published."""

recognition_reads = small(
    "recognition_reads",
    key("person"),
    key("at", Big),
    key("reader"),
    words("quarter"),
)
"""Who took a list of nominees, and whom it named: told to those people. An empty ``person``: the reading itself."""
