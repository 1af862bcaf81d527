"""What is derived from the entries: each model's last entry, and where its partitions stand."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables; the ledger fills them in the same transaction."""
    op.create_table(
        "titlebout_ledger_heads",
        sa.Column("model", sa.String(63), primary_key=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.create_table(
        "titlebout_ledger_partitions",
        sa.Column("model", sa.String(63), primary_key=True),
        sa.Column("partition", sa.String(32), primary_key=True),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("decided_by", sa.Text, nullable=True),
        sa.Column("sequence", sa.Integer, nullable=False),
    )
    # Releases, drift findings and versions are read from the entries themselves.
    op.create_index("titlebout_ledger_kind", "titlebout_ledger", ["kind", "model", "sequence"])


def downgrade() -> None:
    """Refuse: decisions are never dropped."""
    message = "the ledger is append-only; restore a backup instead"
    raise NotImplementedError(message)
