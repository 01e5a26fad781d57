"""Projections: people and places."""

from sqlalchemy import Index, Table

from server.storage.tables.columns import big, flag, key, local, metadata, small, words

persons = Table(
    "persons",
    metadata,
    key("person"),
    words("home"),
    words("name"),
    words("title"),
    words("unit"),
    words("country"),
    words("about"),
    words("skills", "[]"),
    words("locale"),
    words("timezone"),
    flag("bot"),
    flag("active"),
    words("source"),
    big("rev"),
    big("status_rev"),
    big("home_rev"),
    words("registered_in"),
    words("previous"),
    words("moving_to"),
    local(),
)
"""``registered_in``: the region whose registration counts, the lowest code of those that claim it.
``home``, ``previous`` and ``moving_to`` are one register (``home_rev``)."""

person_homes = small("person_homes", key("person"), key("region"))
"""Every region that ever wrote for a person: whose lanes may hold something of their own."""

releases = small(
    "releases",
    key("person"),
    words("origin"),
    words("to_"),
    big("rev"),
    words("cut", "[]"),
    words("carried_keys", "[]"),
)
"""The last word of an old home about somebody who moves; known to the two regions only."""

fuller_profiles = small(
    "fuller_profiles",
    key("person"),
    big("rev"),
    words("title"),
    words("unit"),
    words("country"),
    words("about"),
    words("skills", "[]"),
    words("locale"),
    words("timezone"),
    big("given"),
    words("lane"),
)
"""What this node knows of a person beyond the global lane, as of ``rev``: at home all there is, in a
policy group what the group may have. ``given``: how many fields say something; the fuller copy wins."""

residency = small(
    "residency",
    key("region"),
    big("rev"),
    words("policy"),
    words("regions", "[]"),
    words("groups", "{}"),
)

person_roles = small("person_roles", key("person"), key("role"), big("rev"), flag("on_"))

communities = Table(
    "communities",
    metadata,
    key("community"),
    words("home"),
    words("name"),
    words("about"),
    words("visibility"),
    words("audience"),
    flag("archived"),
    words("mode", "quiet"),
    words("owner"),
    words("source"),
    big("at"),
    big("rev"),
    local(),
)

memberships = small(
    "memberships", key("community"), key("person"), big("rev"), flag("joined"), local()
)
Index("ix_memberships_person", memberships.c.person)

community_roles = small(
    "community_roles", key("community"), key("person"), big("rev"), words("role"), local()
)
Index("ix_community_roles_person", community_roles.c.person)

conversations = Table(
    "conversations",
    metadata,
    key("conversation"),
    words("home"),
    words("title"),
    words("members", "[]"),
    big("at"),
    big("rev"),
    local(),
)

conversation_members = small("conversation_members", key("person"), key("conversation"))

read_marks = small("read_marks", key("person"), key("channel"), big("up_to"))
