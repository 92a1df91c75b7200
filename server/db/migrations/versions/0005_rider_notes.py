"""What riders say: people warned on site, things the box missed.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "rider_notes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("said", sa.String(length=32), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("report_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=64), nullable=True),
        sa.Column("lon_deg", sa.Double(), nullable=True),
        sa.Column("lat_deg", sa.Double(), nullable=True),
        sa.Column("sigma_m", sa.Double(), nullable=True),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_json", sa.LargeBinary(), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=True),
        sa.Column("width_px", sa.Integer(), nullable=True),
        sa.Column("height_px", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_rider_notes_device_id_devices")),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_rider_notes_report_id_reports")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rider_notes")),
    )
    op.create_index(op.f("ix_rider_notes_said"), "rider_notes", ["said"], unique=False)
    op.create_index(op.f("ix_rider_notes_made_at"), "rider_notes", ["made_at"], unique=False)


def downgrade() -> None:
    """Removes the table."""
    op.drop_table("rider_notes")
