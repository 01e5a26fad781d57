"""Projections: what people said of content, topics, and erasures."""

from sqlalchemy import Column, Index, Text

from server.storage.tables.columns import Big, big, flag, key, small, words

reactions = small(
    "reactions",
    key("target"),
    key("person"),
    key("reaction"),
    key("emoji"),
    big("rev"),
    flag("on_"),
)
Index("ix_reactions_person", reactions.c.person, reactions.c.target)

acceptances = small(
    "acceptances", key("question"), words("answer"), words("person"), big("rev"), words("source")
)
verifications = small("verifications", key("target"), key("person"), big("rev"), flag("on_"))
citations = small(
    "citations", key("cited"), key("citing"), words("person"), big("rev"), flag("on_")
)
imported_votes = small(
    "imported_votes", key("system"), key("source_id"), words("target"), words("vote"), big("at")
)
follows = small("follows", key("person"), key("kind"), key("target"), big("rev"), flag("on_"))
acknowledgements = small("acknowledgements", key("post"), key("person"), big("at"))
idea_stages = small(
    "idea_stages",
    key("post"),
    words("stage"),
    words("owner"),
    Column("due", Big),
    words("note"),
    words("person"),
    big("rev"),
)
moderations = small(
    "moderations",
    key("target"),
    key("act"),
    words("person"),
    words("reason"),
    big("rev"),
    flag("on_"),
)
hidden_at_home = small(
    "hidden_at_home", key("target"), words("person"), words("reason"), big("rev"), flag("on_")
)
flags = small(
    "flags",
    key("target"),
    key("person"),
    words("place"),
    words("reason"),
    big("rev"),
    flag("on_"),
    Column("at", Big, nullable=False, server_default="0", info={"local": True}),
)
"""``at``: when it was made, in a community; the copies of one made in a conversation each have their own."""
flag_resolutions = small(
    "flag_resolutions",
    key("target"),
    words("person"),
    words("place"),
    flag("upheld"),
    words("note"),
    big("rev"),
    big("seen"),
    big("at"),
)
"""``seen``, ``at``: what it answers (``storage.reports``)."""
topics = small(
    "topics",
    key("topic"),
    words("names", "{}"),
    words("parent"),
    words("synonyms", "[]"),
    big("rev"),
)

erasures = small(
    "erasures",
    key("request"),
    words("scope"),
    words("target"),
    words("reason"),
    words("origin"),
    words("person"),
    big("posts"),
    big("at"),
    Column("lanes", Text, nullable=False, server_default="[]", info={"local": True}),
)
"""``person``: who asked. ``lanes``: in which of its origin's lanes it came here."""
erasure_receipts = small(
    "erasure_receipts", key("request"), key("region"), big("bodies"), big("at")
)
