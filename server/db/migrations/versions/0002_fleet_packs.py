"""Fleet packs and the boxes chosen for them.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the tables."""
    op.create_table(
        "fleet_packs",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("signer", sa.String(length=100), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("site_name", sa.String(length=200), nullable=False),
        sa.Column("model_name", sa.String(length=200), nullable=False),
        sa.Column("only_devices", sa.JSON(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uploaded_by", sa.String(length=220), nullable=False),
        sa.Column("share_percent", sa.Integer(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_fleet_packs")),
        sa.UniqueConstraint("version", name=op.f("uq_fleet_packs_version")),
    )
    op.create_table(
        "fleet_pack_devices",
        sa.Column("pack_sha256", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_fleet_pack_devices_device_id_devices")),
        sa.ForeignKeyConstraint(
            ["pack_sha256"], ["fleet_packs.sha256"], name=op.f("fk_fleet_pack_devices_pack_sha256_fleet_packs")
        ),
        sa.PrimaryKeyConstraint("pack_sha256", "device_id", name=op.f("pk_fleet_pack_devices")),
    )


def downgrade() -> None:
    """Removes the tables."""
    op.drop_table("fleet_pack_devices")
    op.drop_table("fleet_packs")
