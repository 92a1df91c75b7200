"""Small real reports for tests of the outbox, the folder, the uplink and the seal."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from detector.report import EvidenceItem, ReportBody, ReportBox, ReportReason, Versions, hit_key
from detector.vocabulary import Kind, Outcome
from edge.parcels import BodyBuilder, EvidenceFile

SEEN_AT = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)


def picture(seed: int, width_px: int = 64, height_px: int = 48) -> bytes:
    """A JPEG of noise; the same seed gives the same bytes."""
    image = np.random.default_rng(seed).integers(0, 255, (height_px, width_px, 3), np.uint8)
    ok, data = cv2.imencode(".jpg", image)
    assert ok
    return data.tobytes()


def key_of(ordinal: int) -> str:
    """Hit key of the n-th hit of the test patrol."""
    return hit_key("patrol-1", "ab" * 32, SEEN_AT, Kind.DISORDERLY_BIKE, ordinal)


def builder(ordinal: int, device_id: str, pictures: Sequence[bytes]) -> BodyBuilder:
    """Builds the n-th report with these evidence pictures."""

    def build(report_id: uuid.UUID) -> tuple[ReportBody, Sequence[EvidenceFile]]:
        files = [EvidenceFile.of(data, ".jpg") for data in pictures]
        return body(ordinal, report_id, device_id, files), files

    return build


def body(ordinal: int, report_id: uuid.UUID, device_id: str, files: Sequence[EvidenceFile]) -> ReportBody:
    """The n-th report's body over these files."""
    return ReportBody(
        report_id=report_id,
        hit_key=key_of(ordinal),
        device_id=device_id,
        patrol_id="patrol-1",
        pass_id="patrol-1/0",
        track_id=f"clip/0/{ordinal}",
        not_same_as=(),
        source_id="clip",
        source_sha256="ab" * 32,
        camera_id="wall-cam",
        observed_by="fixed",
        frame_ids=("abababababab:1",),
        frame_count=1,
        first_seen_at=SEEN_AT,
        last_seen_at=SEEN_AT + timedelta(seconds=2),
        captured_at=SEEN_AT + timedelta(seconds=1),
        kind=Kind.DISORDERLY_BIKE,
        cue="bicycle",
        outcome=Outcome.VIOLATION,
        probability=0.93,
        reasons=(ReportReason(code="outside_bay", zh="停放在停车区外", en="Parked outside the bay"),),
        zone_ids=("kerb-1",),
        rule_id="bike-outside-bay",
        count=1,
        place=None,
        fix=None,
        evidence=tuple(
            EvidenceItem(
                role="still_full" if number == 0 else "still_crop",
                media_type="image/jpeg",
                sha256=file.sha256,
                size_bytes=len(file.data),
                frame_id="abababababab:1",
                captured_at=SEEN_AT + timedelta(seconds=1),
                width_px=64,
                height_px=48,
                boxes=(ReportBox(xyxy_px=(4.0, 4.0, 40.0, 40.5), cue="bicycle", confidence=0.81, subject=True),),
                blurred=True,
                blur_method="person_head",
            )
            for number, file in enumerate(files)
        ),
        versions=Versions(software="0.1.0", model_name="street-n", model_sha256="cd" * 32, site_sha256="ef" * 32),
    )
