"""Devices, reports, evidence, uploads, cases with their history, labels, reviewers.

Revision ID: 0001
Revises: -
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the first schema."""
    op.create_table(
        "cases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("cue", sa.String(length=200), nullable=False),
        sa.Column("reject_family", sa.String(length=32), nullable=True),
        sa.Column("reject_reason", sa.String(length=1000), nullable=True),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("lon_deg", sa.Double(), nullable=True),
        sa.Column("lat_deg", sa.Double(), nullable=True),
        sa.Column("cov_ee_m2", sa.Double(), nullable=True),
        sa.Column("cov_en_m2", sa.Double(), nullable=True),
        sa.Column("cov_nn_m2", sa.Double(), nullable=True),
        sa.Column("h3_cell", sa.String(length=15), nullable=True),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index("ix_cases_h3_cell_kind", "cases", ["h3_cell", "kind"], unique=False)
    op.create_index(op.f("ix_cases_last_seen_at"), "cases", ["last_seen_at"], unique=False)
    op.create_index("ix_cases_state_id", "cases", ["state", "id"], unique=False)
    op.create_table(
        "devices",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_devices_token_sha256")),
    )
    op.create_table(
        "reviewers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviewers")),
        sa.UniqueConstraint("name", name=op.f("uq_reviewers_name")),
    )
    op.create_table(
        "case_events",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=220), nullable=False),
        sa.Column("action", sa.JSON(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_events_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", "seq", name=op.f("pk_case_events")),
    )
    op.create_table(
        "enrolment_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["reviewers.id"], name=op.f("fk_enrolment_codes_created_by_reviewers")),
        sa.ForeignKeyConstraint(["used_by"], ["devices.id"], name=op.f("fk_enrolment_codes_used_by_devices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_codes")),
        sa.UniqueConstraint("code_sha256", name=op.f("uq_enrolment_codes_code_sha256")),
    )
    op.create_table(
        "reports",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("hit_key", sa.String(length=64), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("sealed_json", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("cue", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.String(length=200), nullable=False),
        sa.Column("pass_id", sa.String(length=200), nullable=False),
        sa.Column("track_id", sa.String(length=200), nullable=False),
        sa.Column("not_same_as", sa.JSON(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lon_deg", sa.Double(), nullable=True),
        sa.Column("lat_deg", sa.Double(), nullable=True),
        sa.Column("cov_ee_m2", sa.Double(), nullable=True),
        sa.Column("cov_en_m2", sa.Double(), nullable=True),
        sa.Column("cov_nn_m2", sa.Double(), nullable=True),
        sa.Column("h3_cell", sa.String(length=15), nullable=True),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_reports_device_id_devices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("device_id", "hit_key", name=op.f("uq_reports_device_id_hit_key")),
    )
    op.create_index(op.f("ix_reports_captured_at"), "reports", ["captured_at"], unique=False)
    op.create_index("ix_reports_device_id_pass_id", "reports", ["device_id", "pass_id"], unique=False)
    op.create_index(op.f("ix_reports_h3_cell"), "reports", ["h3_cell"], unique=False)
    op.create_index(op.f("ix_reports_kind"), "reports", ["kind"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["reviewer_id"], ["reviewers.id"], name=op.f("fk_sessions_reviewer_id_reviewers")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"], unique=False)
    op.create_index(op.f("ix_sessions_reviewer_id"), "sessions", ["reviewer_id"], unique=False)
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("length_bytes", sa.Integer(), nullable=False),
        sa.Column("offset_bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_uploads_device_id_devices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("device_id", "sha256", name=op.f("uq_uploads_device_id_sha256")),
    )
    op.create_index(op.f("ix_uploads_expires_at"), "uploads", ["expires_at"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("frame_id", sa.String(length=200), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("boxes", sa.JSON(), nullable=False),
        sa.Column("blurred", sa.Boolean(), nullable=False),
        sa.Column("blur_method", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_evidence_report_id_reports")),
        sa.PrimaryKeyConstraint("report_id", "sha256", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_sha256"), "evidence", ["sha256"], unique=False)
    op.create_table(
        "label_boxes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("box", sa.Integer(), nullable=False),
        sa.Column("cue", sa.String(length=200), nullable=False),
        sa.Column("left_px", sa.Double(), nullable=False),
        sa.Column("top_px", sa.Double(), nullable=False),
        sa.Column("right_px", sa.Double(), nullable=False),
        sa.Column("bottom_px", sa.Double(), nullable=False),
        sa.Column("origin", sa.String(length=32), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("reviewer", sa.String(length=220), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_label_boxes_case_id_cases")),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_label_boxes_report_id_reports")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_boxes")),
        sa.UniqueConstraint("report_id", "sha256", "box", name=op.f("uq_label_boxes_report_id_sha256_box")),
    )
    op.create_index(op.f("ix_label_boxes_case_id"), "label_boxes", ["case_id"], unique=False)
    op.create_index("ix_label_boxes_sha256", "label_boxes", ["sha256"], unique=False)
    op.create_table(
        "sightings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("suggested_case_id", sa.Integer(), nullable=True),
        sa.Column("attached_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_sightings_case_id_cases")),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_sightings_report_id_reports")),
        sa.ForeignKeyConstraint(["suggested_case_id"], ["cases.id"], name=op.f("fk_sightings_suggested_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sightings")),
        sa.UniqueConstraint("report_id", name=op.f("uq_sightings_report_id")),
    )
    op.create_index(op.f("ix_sightings_case_id"), "sightings", ["case_id"], unique=False)


def downgrade() -> None:
    """Takes it all away."""
    op.drop_index(op.f("ix_sightings_case_id"), table_name="sightings")
    op.drop_table("sightings")
    op.drop_index("ix_label_boxes_sha256", table_name="label_boxes")
    op.drop_index(op.f("ix_label_boxes_case_id"), table_name="label_boxes")
    op.drop_table("label_boxes")
    op.drop_index(op.f("ix_evidence_sha256"), table_name="evidence")
    op.drop_table("evidence")
    op.drop_index(op.f("ix_uploads_expires_at"), table_name="uploads")
    op.drop_table("uploads")
    op.drop_index(op.f("ix_sessions_reviewer_id"), table_name="sessions")
    op.drop_index(op.f("ix_sessions_expires_at"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_index(op.f("ix_reports_kind"), table_name="reports")
    op.drop_index(op.f("ix_reports_h3_cell"), table_name="reports")
    op.drop_index("ix_reports_device_id_pass_id", table_name="reports")
    op.drop_index(op.f("ix_reports_captured_at"), table_name="reports")
    op.drop_table("reports")
    op.drop_table("enrolment_codes")
    op.drop_table("case_events")
    op.drop_table("reviewers")
    op.drop_table("devices")
    op.drop_index("ix_cases_state_id", table_name="cases")
    op.drop_index(op.f("ix_cases_last_seen_at"), table_name="cases")
    op.drop_index("ix_cases_h3_cell_kind", table_name="cases")
    op.drop_table("cases")
