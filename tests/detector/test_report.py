"""The report's own bounds: what passes them can be stored, compared and shown without leaving the numbers."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from pydantic import ValidationError

from detector.report import Covariance, ReportBody, ReportFix, body_sha256, canonical_bytes
from edge.parcels import EvidenceFile
from tests.edge.reports import body

BODY = body(0, uuid.UUID(int=1), "d" * 64, [EvidenceFile.of(b"picture", ".jpg")])
FIX = ReportFix(quality="autonomous", sigma_m=3.0, heading_deg=90.0, speed_m_s=5.0, synthetic=False)


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00+08:00",
        "1980-01-06T00:00:00Z",
        "2000-01-01T00:00:00+08:00",  # within in its own zone, and not in UTC, in which it is kept
        "2099-12-31T23:59:59-08:00",
        "2100-01-01T00:00:00Z",
        "9999-12-31T23:59:59-08:00",
    ],
)
def test_times_of_a_clock_that_was_never_set_are_refused(moment: str) -> None:
    times = dict.fromkeys(("first_seen_at", "captured_at", "last_seen_at"), moment)
    changed = {**BODY.model_dump(mode="json", by_alias=True), **times}
    with pytest.raises(ValidationError, match="is not within 2000 to 2099: set the clock"):
        ReportBody.model_validate_json(json.dumps(changed))


@pytest.mark.parametrize(
    ("ee_m2", "en_m2", "nn_m2"),
    [
        (1e300, 1e300, 1e300),
        (1e308, 0.0, 1e308),
        (1.0, -1e300, 1.0),
        (float("inf"), 0.0, 1.0),
        (1.0, float("nan"), 1.0),
    ],
)
def test_errors_beyond_the_earth_are_refused(ee_m2: float, en_m2: float, nn_m2: float) -> None:
    with pytest.raises(ValidationError, match=r"less than or equal to|greater than or equal to"):
        Covariance(ee_m2=ee_m2, en_m2=en_m2, nn_m2=nn_m2)


@pytest.mark.parametrize("changes", [{"speed_m_s": float("inf")}, {"heading_deg": float("nan")}])
def test_fixes_hold_numbers(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReportFix.model_validate({**FIX.model_dump(), **changes})


@pytest.mark.parametrize("cue", ["x person", "Person", "", "=1+1", "a" * 65])
def test_a_cue_is_one_word(cue: str) -> None:
    with pytest.raises(ValidationError, match="cue"):
        ReportBody.model_validate_json(json.dumps({**BODY.model_dump(mode="json", by_alias=True), "cue": cue}))


ROUND = {"ee_m2": 9.0, "en_m2": 0.5, "nn_m2": 8.0}
PLACE = {
    "lon_deg": 117.19,
    "lat_deg": 34.26,
    "cov_own": ROUND,
    "cov_pass": ROUND,
    "pass_shift": ROUND,
    "heading_lever_m": [3.0, -4.0],
    "sigma_heading_rad": 0.02,
    "range_m": 5.0,
    "method": "vehicle_ground",
    "synthetic": False,
}
OFFSET = {"east_m": 2.0, "north_m": -0.5, "cov": {"ee_m2": 0.4, "en_m2": 0.0, "nn_m2": 0.3}, "anchors": 6}


def placed(**place: Any) -> ReportBody:
    fields = {**BODY.model_dump(mode="json", by_alias=True), "place": {**PLACE, **place}}
    return ReportBody.model_validate_json(json.dumps(fields))


def test_reports_from_before_offsets_keep_their_bytes() -> None:
    """The hash that the version before `ReportPlace.offset` gave this body: its seals still hold."""
    assert body_sha256(placed()) == "5845d67c73e42a28c01ba3fb096ce8a9500c4fb5dd3f64ec8630cf83d38c49bf"
    assert b"offset" not in canonical_bytes(placed())


def test_an_offset_is_sealed_with_the_place() -> None:
    moved = placed(offset=OFFSET)
    assert moved.place is not None
    assert moved.place.offset is not None
    assert moved.place.offset.anchors == 6
    assert ReportBody.model_validate_json(canonical_bytes(moved)) == moved
    assert body_sha256(moved) != body_sha256(placed())
    assert body_sha256(placed(offset={**OFFSET, "east_m": 2.1})) != body_sha256(moved)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"east_m": 1e4}, "east_m"), ({"anchors": 0}, "anchors"), ({"cov": {**ROUND, "en_m2": 9.0}}, "not a covariance")],
)
def test_offsets_are_bounded(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        placed(offset={**OFFSET, **changes})


ORIGINAL = {
    "role": "frame",
    "media_type": "image/jpeg",
    "sha256": "e" * 64,
    "size_bytes": 1000,
    "frame_id": "front:1",
    "begins_at": "2026-05-17T09:30:00Z",
    "ends_at": "2026-05-17T09:30:00Z",
    "width_px": 64,
    "height_px": 48,
}


def with_originals(*originals: dict[str, Any]) -> ReportBody:
    fields = {**BODY.model_dump(mode="json", by_alias=True), "originals": originals}
    return ReportBody.model_validate_json(json.dumps(fields))


def test_originals_are_sealed_and_none_leaves_the_bytes_as_they_were() -> None:
    assert canonical_bytes(with_originals()) == canonical_bytes(BODY)
    assert body_sha256(with_originals(ORIGINAL)) != body_sha256(BODY)
    assert body_sha256(with_originals(ORIGINAL)) != body_sha256(with_originals({**ORIGINAL, "size_bytes": 1001}))


@pytest.mark.parametrize(
    ("originals", "message"),
    [
        ((ORIGINAL, {**ORIGINAL, "role": "clip"}), "two originals have the same bytes: list each file once"),
        (({**ORIGINAL, "sha256": BODY.evidence[0].sha256},), "an original is evidence too: it would be sent without"),
    ],
)
def test_an_original_is_named_once_and_is_no_evidence(originals: tuple[dict[str, Any], ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        with_originals(*originals)
