"""The journal's lines get the time of the site clock: what is old must not depend on a wall clock that is set."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go from 0002 to 0003."""
    op.add_column("journal", sa.Column("site", sa.Float(), nullable=True))


def downgrade() -> None:
    """Go back from 0003 to 0002."""
    with op.batch_alter_table("journal") as batch_op:
        batch_op.drop_column("site")
