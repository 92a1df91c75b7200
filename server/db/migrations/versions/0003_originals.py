"""Unblurred originals that reports name: asked for, refused, stored, deleted.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "originals",
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("asked_by", sa.String(length=220), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_originals_report_id_reports")),
        sa.PrimaryKeyConstraint("report_id", "sha256", name=op.f("pk_originals")),
    )
    op.create_index(op.f("ix_originals_sha256"), "originals", ["sha256"], unique=False)
    op.create_index(op.f("ix_originals_state"), "originals", ["state"], unique=False)


def downgrade() -> None:
    """Takes it away."""
    op.drop_index(op.f("ix_originals_state"), table_name="originals")
    op.drop_index(op.f("ix_originals_sha256"), table_name="originals")
    op.drop_table("originals")
