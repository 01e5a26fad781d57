"""Projections: content."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text, text

from server.storage.tables.columns import Big, big, flag, key, local, metadata, small, words

posts = Table(
    "posts",
    metadata,
    key("post"),
    words("kind"),
    words("place"),
    words("root"),
    words("parent"),
    words("author"),
    big("at"),
    words("title"),
    words("text"),
    words("topics", "[]"),
    words("mentions", "[]"),
    words("lang"),
    Column("detail", Text),
    words("source"),
    big("rev"),
    big("edited_at"),
    flag("deleted"),
    flag("erased"),
    local(),
)
"""Posts, replies and messages. ``detail``: JSON of the kind's own part (poll, paper, praise ...).

A row with an empty ``kind`` is a tombstone or edit whose post has not arrived yet."""
_TOP, _BELOW = text("parent = ''"), text("parent <> ''")
Index("ix_posts_place", posts.c.place, posts.c.at, sqlite_where=_TOP, postgresql_where=_TOP)
Index("ix_posts_root", posts.c.root, posts.c.at, sqlite_where=_BELOW, postgresql_where=_BELOW)
Index("ix_posts_author", posts.c.author, posts.c.at)

post_revisions = small(
    "post_revisions",
    key("post"),
    key("rev", Big),
    words("title"),
    words("text"),
    words("reason"),
    big("at"),
)

post_topics = small("post_topics", key("topic"), key("post"))

post_counts = small(
    "post_counts",
    key("post"),
    words("root"),
    words("place"),
    big("replies"),
    big("helpful"),
    big("solved"),
    big("votes_up"),
    big("votes_down"),
    big("acknowledged"),
    local("local_changed"),
)
"""Counters of a post, conflated to readers; found by channel for those who come back."""
Index("ix_post_counts_place", post_counts.c.place, post_counts.c.local_changed)
Index("ix_post_counts_root", post_counts.c.root, post_counts.c.local_changed)

emoji_counts = small("emoji_counts", key("post"), key("emoji"), big("n"))

media_posts = small(
    "media_posts",
    key("post"),
    key("hash"),
    big("rank"),
    words("type"),
    big("size"),
    words("name"),
    big("width"),
    big("height"),
    words("alt"),
    flag("stays"),
    Column("thumbnail", LargeBinary, nullable=False),
    words("origin"),
    Column("lanes", Text, nullable=False, server_default="[]", info={"local": True}),
)
"""The files of posts that stand. ``lanes``: in which lanes of ``origin`` the post came here: whoever may
receive one of them may have the bytes. Regions differ in which copies of a post they get."""
Index("ix_media_posts_hash", media_posts.c.hash)
