"""Tracks, hits and shots for the tests of what happens to them after the verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from detector.detections import Detections
from detector.frame import Fix
from detector.hit import Hit, Place, Reason
from detector.report import Versions
from detector.tracks import Box, Observation, Track
from detector.vocabulary import Kind, Outcome, Text
from edge.assemble import Origin, Shot

MORNING = datetime(2026, 5, 17, 1, 30, tzinfo=UTC)
BIKE: Box = (100.0, 80.0, 160.0, 140.0)

ORIGIN = Origin(
    device_id="d" * 64,
    patrol_id="p" * 32,
    pass_id="p" * 32 + "/0",
    source_id="street.mp4",
    source_sha256="a" * 64,
    camera_id="wall-cam",
    observed_by="fixed",
    versions=Versions(software="kerbwatch 0", model_name="street-n", model_sha256="b" * 64, site_sha256="c" * 64),
    synthetic=False,
)


def track(ordinal: int = 0, *, frames: int = 3, box: Box = BIKE, seen_with: tuple[str, ...] = ()) -> Track:
    """A bicycle seen in some frames, ten a second."""
    observations = tuple(
        Observation(
            frame_id=f"{'a' * 12}:{i}",
            seq=i,
            captured_at=MORNING + timedelta(seconds=i / 10),
            xyxy=box,
            confidence=0.8,
            cue="bicycle",
            fix=None,
            frame_width_px=320,
            frame_height_px=240,
        )
        for i in range(frames)
    )
    return Track(f"street.mp4/0/{ordinal}", ordinal, 0, "bicycle", observations, frames, seen_with)


def place(*, own_m: float = 0.5, pass_m: float = 3.0, synthetic: bool = False) -> Place:
    """A place with round errors."""
    return Place(
        lon_deg=117.2,
        lat_deg=34.26,
        cov_own_m2=((own_m**2, 0.0), (0.0, own_m**2)),
        cov_pass_m2=((pass_m**2, 0.0), (0.0, pass_m**2)),
        pass_shift_m2=((pass_m**2, 0.0), (0.0, pass_m**2)),
        heading_lever_m=(0.0, 0.0),
        sigma_heading_rad=0.0,
        range_m=8.0,
        method="fixed_ground",
        synthetic=synthetic,
    )


def hit(subject: Track | None = None, *, where: Place | None = None, count: int = 1) -> Hit:
    """A bicycle left where it may not stand."""
    subject = subject or track()
    return Hit(
        track=subject,
        kind=Kind.DISORDERLY_BIKE,
        outcome=Outcome.VIOLATION,
        probability=0.91,
        place=where,
        reasons=(Reason("forbidden_here", Text("车停在人行道上", "The bicycle stands on the pavement [here]")),),
        zone_ids=("pavement-1",),
        rule_id="disorderly_bike/1",
        count=count,
        member_track_ids=(subject.track_id,),
    )


def shot(*subject: Box, fix: Fix | None = None) -> Shot:
    """A picture of 320 x 240 px with the bicycle and a person in it."""
    image = np.random.default_rng(5).integers(0, 255, (240, 320, 3), np.uint8)
    boxes = np.array([BIKE, (10.0, 20.0, 40.0, 120.0)], np.float32)
    found = Detections(boxes, np.array([0.8, 0.7], np.float32), np.array([1, 0]), ("person", "bicycle"))
    return Shot(
        image=image,
        blur_method="person_head",
        frame_id=f"{'a' * 12}:1",
        captured_at=MORNING + timedelta(seconds=0.1),
        fix=fix,
        subject=subject or (BIKE,),
        detections=found,
    )
