"""Who knows about a topic: how answers did in their threads, and what that tells about people

Runs before the deploy: older versions do not look for it.
"""

import sqlalchemy as sa
from alembic import op

from server.storage.migrations.columns import big, text

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def key(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False)


def flag(name: str) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "expertise_answers",
        key("answer"),
        text("thread"),
        text("author"),
        text("asker"),
        text("asker_unit"),
        text("topics", "[]"),
        big("at"),
        big("quality"),
        flag("good"),
        sa.PrimaryKeyConstraint("answer", name=op.f("pk_expertise_answers")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_expertise_answers_thread", "expertise_answers", ["thread"])
    op.create_index("ix_expertise_answers_author", "expertise_answers", ["author", "at"])
    op.create_table(
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
        sa.PrimaryKeyConstraint("topic", "person", name=op.f("pk_expertise")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_expertise_topic", "expertise", ["topic", "shown", "place", "person"])
    op.create_index("ix_expertise_person", "expertise", ["person", "place"])
    op.create_table(
        "expertise_calls",
        key("person"),
        key("thread"),
        text("asker"),
        big("at"),
        sa.PrimaryKeyConstraint("person", "thread", name=op.f("pk_expertise_calls")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_expertise_calls_thread", "expertise_calls", ["thread"])
    op.create_table(
        "first_uses",
        key("content"),
        key("region"),
        text("person"),
        big("at"),
        big("accepted_at"),
        sa.PrimaryKeyConstraint("content", "region", name=op.f("pk_first_uses")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_first_uses_person", "first_uses", ["person"])
    op.create_table(
        "milestone_medians",
        key("milestone"),
        big("days"),
        big("people"),
        sa.PrimaryKeyConstraint("milestone", name=op.f("pk_milestone_medians")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    names = (
        "milestone_medians",
        "first_uses",
        "expertise_calls",
        "expertise",
        "expertise_answers",
    )
    for name in names:
        op.drop_table(name)
