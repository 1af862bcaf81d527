"""The ledger: one table, one row per entry."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table. Time and payload are text, so that a row read back hashes to the same bytes."""
    op.create_table(
        "titlebout_ledger",
        sa.Column("model", sa.String(63), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(63), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("once", sa.Text, nullable=True),
        sa.Column("previous_sha256", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.UniqueConstraint("model", "once", name="titlebout_ledger_once"),
    )


def downgrade() -> None:
    """Refuse: decisions are never dropped."""
    message = "the ledger is append-only; restore a backup instead"
    raise NotImplementedError(message)
