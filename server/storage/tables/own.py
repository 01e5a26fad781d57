"""Node tables: accounts, sessions, command keys, consumer cursors. This node's own, never federated."""

from sqlalchemy import Column, Index, LargeBinary, Table

from server.storage.tables.columns import Big, big, flag, key, metadata, small, words

command_keys = small(
    "command_keys",
    # The key first: clients make keys that grow with time, so new rows land side by side.
    key("key"),
    key("person"),
    Column("digest", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    big("at"),
)
"""Each command's client key with the hash of its body and the first answer (I2)."""

accounts = Table(
    "accounts",
    metadata,
    key("person"),
    words("password_hash"),
    flag("disabled"),
    big("created_at"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    words("person"),
    words("kind"),
    words("label"),
    big("created_at"),
    big("expires_at"),
    words("names", "shown"),
)
"""Browser sessions and device tokens by the SHA-256 of their secret; the secret is never stored. ``names``: whom
a service may read about in the tap (``app.naming``)."""
Index("ix_sessions_person", sessions.c.person)

erasing = small("erasing", key("request"), big("position"), big("bodies"))
"""What each erasure destroyed here, counted as it was done: said in this region's receipt. A row goes once nothing
is left of the words in this database, and that is said."""
moves_attended = small("moves_attended", key("person"), big("rev"), words("to_"))
"""Up to which change of home this node has done its part, and for which region it copied."""
media = small(
    "media",
    key("hash"),
    words("type"),
    big("size"),
    big("width"),
    big("height"),
    Column("thumbnail", LargeBinary, nullable=False),
    flag("stays"),
    big("at"),
)
"""Files whose bytes lie here, below data_dir/media; ``thumbnail`` of those that were uploaded here."""

uploads = small("uploads", key("hash"), key("person"), flag("used"), big("at"))
"""Who may attach a file. ``used``: a post has it, so the post alone says how long it is kept."""
Index("ix_uploads_person", uploads.c.person, uploads.c.at)

media_loose = small("media_loose", key("hash"))
"""Files that lost a post or were never used: to be looked at, and deleted unless something needs them. What is
owed to an erasure is here until the bytes are gone."""

consumers = small("consumers", key("name"), big("epoch"), big("position"), words("rules"))
"""Durable cursors of in-process readers of the tap."""

webhooks = Table(
    "webhooks",
    metadata,
    key("webhook"),
    words("label"),
    words("url"),
    words("mode"),
    words("filter", "{}"),
    words("names"),
    Column("secret", LargeBinary, nullable=False),
    Column("secret_before", LargeBinary, nullable=False),
    big("before_until"),
    big("rate"),
    words("person"),
    big("at"),
    words("state"),
    big("position"),
    big("size"),
    big("failures"),
    big("failing_since"),
    big("next_at"),
    words("reason"),
)
"""Receivers outside that the tap's events are sent to. The secrets are sealed (``app.sealing``); ``rate``: requests
a minute that the receiver allows, 0 for any; from ``state`` on where it stands (``app.webhook_steps``)."""

webhook_dead = small(
    "webhook_dead",
    key("webhook"),
    key("position", Big),
    words("event"),
    words("type"),
    words("error"),
    big("attempts"),
    big("at"),
)
"""Events that a receiver would not have. The event itself is in the log."""
