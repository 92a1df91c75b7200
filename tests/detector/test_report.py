"""The report's own bounds: what passes them can be stored, compared and shown without leaving the numbers."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from pydantic import ValidationError

from detector.report import Covariance, ReportBody, ReportFix
from edge.parcels import EvidenceFile
from tests.edge.reports import body

BODY = body(0, uuid.UUID(int=1), "d" * 64, [EvidenceFile.of(b"picture", ".jpg")])
FIX = ReportFix(quality="autonomous", sigma_m=3.0, heading_deg=90.0, speed_m_s=5.0, synthetic=False)


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+08:00", "1980-01-06T00:00:00Z", "2100-01-01T00:00:00Z", "9999-12-31T23:59:59-08:00"],
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
