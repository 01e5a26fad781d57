"""The log, its projections, the node's own tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "acceptances",
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.Column("person", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("question", name=op.f("pk_acceptances")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "accounts",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), server_default="", nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column(
            "created_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_accounts")),
    )
    op.create_table(
        "acknowledgements",
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column(
            "at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("post", "person", name=op.f("pk_acknowledgements")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ballots",
        sa.Column("poll", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("choices", sa.Text(), server_default="[]", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("poll", "person", name=op.f("pk_ballots")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "citations",
        sa.Column("cited", sa.Text(), nullable=False),
        sa.Column("citing", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("on_", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("cited", "citing", name=op.f("pk_citations")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "command_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column(
            "at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("key", "person", name=op.f("pk_command_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "communities",
        sa.Column("community", sa.Text(), nullable=False),
        sa.Column("home", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("about", sa.Text(), server_default="", nullable=False),
        sa.Column("visibility", sa.Text(), server_default="", nullable=False),
        sa.Column("audience", sa.Text(), server_default="", nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "local_position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("community", name=op.f("pk_communities")),
    )
    op.create_table(
        "community_roles",
        sa.Column("community", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("role", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "local_position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("community", "person", name=op.f("pk_community_roles")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("community_roles", schema=None) as batch_op:
        batch_op.create_index("ix_community_roles_person", ["person"], unique=False)

    op.create_table(
        "consumers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "epoch",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("rules", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_consumers")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "conversation_members",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person", "conversation", name=op.f("pk_conversation_members")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "conversations",
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("home", sa.Text(), server_default="", nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("members", sa.Text(), server_default="[]", nullable=False),
        sa.Column(
            "at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "local_position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("conversation", name=op.f("pk_conversations")),
    )
    op.create_table(
        "credits",
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "milli_points",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("quarter", sa.Text(), server_default="", nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("act", name=op.f("pk_credits")),
    )
    with op.batch_alter_table("credits", schema=None) as batch_op:
        batch_op.create_index("ix_credits_person", ["person", "at"], unique=False)

    op.create_table(
        "emoji_counts",
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("emoji", sa.Text(), nullable=False),
        sa.Column(
            "n",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("post", "emoji", name=op.f("pk_emoji_counts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "erasure_receipts",
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column(
            "bodies",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("request", "region", name=op.f("pk_erasure_receipts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "erasures",
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), server_default="", nullable=False),
        sa.Column("target", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("request", name=op.f("pk_erasures")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_channels",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("channel", "position", name=op.f("pk_event_channels")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("lane_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_events")),
        sa.UniqueConstraint("lane_id", "seq", name=op.f("uq_events_lane_id_seq")),
    )
    op.create_table(
        "flag_resolutions",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), server_default="", nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column("upheld", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("target", name=op.f("pk_flag_resolutions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "flags",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("on_", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("target", "person", name=op.f("pk_flags")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "follows",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("on_", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("person", "kind", "target", name=op.f("pk_follows")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "heads",
        sa.Column("lane_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("lane_id", "seq", name=op.f("pk_heads")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hidden_at_home",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("on_", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("target", name=op.f("pk_hidden_at_home")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "idea_stages",
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), server_default="", nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("due", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("person", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("post", name=op.f("pk_idea_stages")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "imported_votes",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), server_default="", nullable=False),
        sa.Column("vote", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("system", "source_id", name=op.f("pk_imported_votes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lanes",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lanes")),
        sa.UniqueConstraint("region", "epoch", "lane", name=op.f("uq_lanes_region_epoch_lane")),
    )
    op.create_table(
        "memberships",
        sa.Column("community", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.Column(
            "local_position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("community", "person", name=op.f("pk_memberships")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.create_index("ix_memberships_person", ["person"], unique=False)

    op.create_table(
        "moderations",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("on_", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("target", "act", name=op.f("pk_moderations")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "node",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "opened_position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("hlc", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node")),
    )
    op.create_table(
        "person_roles",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("on_", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("person", "role", name=op.f("pk_person_roles")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "persons",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("home", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("unit", sa.Text(), server_default="", nullable=False),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.Column("about", sa.Text(), server_default="", nullable=False),
        sa.Column("skills", sa.Text(), server_default="[]", nullable=False),
        sa.Column("locale", sa.Text(), server_default="", nullable=False),
        sa.Column("timezone", sa.Text(), server_default="", nullable=False),
        sa.Column("bot", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "status_rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "home_rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "local_position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_persons")),
    )
    op.create_table(
        "poll_choices",
        sa.Column("poll", sa.Text(), nullable=False),
        sa.Column("choice", sa.SmallInteger(), nullable=False),
        sa.Column(
            "votes",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("poll", "choice", name=op.f("pk_poll_choices")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "poll_regions",
        sa.Column("poll", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column(
            "voters",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("counts", sa.Text(), server_default="[]", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "closed_ballots",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("poll", "region", name=op.f("pk_poll_regions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "polls",
        sa.Column("poll", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "voters",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "local_changed",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("poll", name=op.f("pk_polls")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("polls", schema=None) as batch_op:
        batch_op.create_index("ix_polls_place", ["place", "local_changed"], unique=False)

    op.create_table(
        "post_counts",
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), server_default="", nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "replies",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "helpful",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "solved",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "votes_up",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "votes_down",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "acknowledged",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "local_changed",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("post", name=op.f("pk_post_counts")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("post_counts", schema=None) as batch_op:
        batch_op.create_index("ix_post_counts_place", ["place", "local_changed"], unique=False)
        batch_op.create_index("ix_post_counts_root", ["root", "local_changed"], unique=False)

    op.create_table(
        "post_revisions",
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("rev", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("post", "rev", name=op.f("pk_post_revisions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "post_topics",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "post", name=op.f("pk_post_topics")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "posts",
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column("root", sa.Text(), server_default="", nullable=False),
        sa.Column("parent", sa.Text(), server_default="", nullable=False),
        sa.Column("author", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("topics", sa.Text(), server_default="[]", nullable=False),
        sa.Column("mentions", sa.Text(), server_default="[]", nullable=False),
        sa.Column("lang", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "edited_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.Column(
            "local_position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("post", name=op.f("pk_posts")),
    )
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.create_index("ix_posts_author", ["author", "at"], unique=False)
        batch_op.create_index(
            "ix_posts_place",
            ["place", "at"],
            unique=False,
            sqlite_where=sa.text("parent = ''"),
            postgresql_where=sa.text("parent = ''"),
        )
        batch_op.create_index(
            "ix_posts_root",
            ["root", "at"],
            unique=False,
            sqlite_where=sa.text("parent <> ''"),
            postgresql_where=sa.text("parent <> ''"),
        )

    op.create_table(
        "reactions",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("reaction", sa.Text(), nullable=False),
        sa.Column("emoji", sa.Text(), nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("on_", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("target", "person", "reaction", "emoji", name=op.f("pk_reactions")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("reactions", schema=None) as batch_op:
        batch_op.create_index("ix_reactions_person", ["person", "target"], unique=False)

    op.create_table(
        "read_marks",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column(
            "up_to",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("person", "channel", name=op.f("pk_read_marks")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "score_acts",
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("giver", sa.Text(), server_default="", nullable=False),
        sa.Column("author", sa.Text(), server_default="", nullable=False),
        sa.Column("content", sa.Text(), server_default="", nullable=False),
        sa.Column("quarter", sa.Text(), server_default="", nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("act", name=op.f("pk_score_acts")),
    )
    with op.batch_alter_table("score_acts", schema=None) as batch_op:
        batch_op.create_index("ix_score_acts_author", ["author", "quarter"], unique=False)
        batch_op.create_index("ix_score_acts_content", ["content"], unique=False)
        batch_op.create_index("ix_score_acts_giver", ["giver", "quarter"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column(
            "expires_at",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index("ix_sessions_person", ["person"], unique=False)

    op.create_table(
        "standings",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column(
            "day",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("rules", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "standing",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("topics", sa.Text(), server_default="{}", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_standings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "topics",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("names", sa.Text(), server_default="{}", nullable=False),
        sa.Column("parent", sa.Text(), server_default="", nullable=False),
        sa.Column("synonyms", sa.Text(), server_default="[]", nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_topics")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "verifications",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column(
            "rev",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default="0",
            nullable=False,
        ),
        sa.Column("on_", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("target", "person", name=op.f("pk_verifications")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("verifications")
    op.drop_table("topics")
    op.drop_table("standings")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index("ix_sessions_person")

    op.drop_table("sessions")
    with op.batch_alter_table("score_acts", schema=None) as batch_op:
        batch_op.drop_index("ix_score_acts_giver")
        batch_op.drop_index("ix_score_acts_content")
        batch_op.drop_index("ix_score_acts_author")

    op.drop_table("score_acts")
    op.drop_table("read_marks")
    with op.batch_alter_table("reactions", schema=None) as batch_op:
        batch_op.drop_index("ix_reactions_person")

    op.drop_table("reactions")
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_posts_root",
            sqlite_where=sa.text("parent <> ''"),
            postgresql_where=sa.text("parent <> ''"),
        )
        batch_op.drop_index(
            "ix_posts_place",
            sqlite_where=sa.text("parent = ''"),
            postgresql_where=sa.text("parent = ''"),
        )
        batch_op.drop_index("ix_posts_author")

    op.drop_table("posts")
    op.drop_table("post_topics")
    op.drop_table("post_revisions")
    with op.batch_alter_table("post_counts", schema=None) as batch_op:
        batch_op.drop_index("ix_post_counts_root")
        batch_op.drop_index("ix_post_counts_place")

    op.drop_table("post_counts")
    with op.batch_alter_table("polls", schema=None) as batch_op:
        batch_op.drop_index("ix_polls_place")

    op.drop_table("polls")
    op.drop_table("poll_regions")
    op.drop_table("poll_choices")
    op.drop_table("persons")
    op.drop_table("person_roles")
    op.drop_table("node")
    op.drop_table("moderations")
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.drop_index("ix_memberships_person")

    op.drop_table("memberships")
    op.drop_table("lanes")
    op.drop_table("imported_votes")
    op.drop_table("idea_stages")
    op.drop_table("hidden_at_home")
    op.drop_table("heads")
    op.drop_table("follows")
    op.drop_table("flags")
    op.drop_table("flag_resolutions")
    op.drop_table("events")
    op.drop_table("event_channels")
    op.drop_table("erasures")
    op.drop_table("erasure_receipts")
    op.drop_table("emoji_counts")
    with op.batch_alter_table("credits", schema=None) as batch_op:
        batch_op.drop_index("ix_credits_person")

    op.drop_table("credits")
    op.drop_table("conversations")
    op.drop_table("conversation_members")
    op.drop_table("consumers")
    with op.batch_alter_table("community_roles", schema=None) as batch_op:
        batch_op.drop_index("ix_community_roles_person")

    op.drop_table("community_roles")
    op.drop_table("communities")
    op.drop_table("command_keys")
    op.drop_table("citations")
    op.drop_table("ballots")
    op.drop_table("acknowledgements")
    op.drop_table("accounts")
    op.drop_table("acceptances")
