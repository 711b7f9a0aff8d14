"""An index by which the newest updates are found, a page at a time."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index."""
    op.create_index("ix_updates_opened", "updates", ["opened_at", "id"], unique=False)


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_updates_opened", "updates")
