"""What a patrol is asked to do, and the name that makes it the same patrol when it runs again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from detector.errors import InputError
from detector.geo.camera import ObservedBy
from edge.sources import Source, Window

_OFFSET_MAX_S = 1_300_000_000
"""Two roll-overs of GPS weeks (41 years)."""
_THREADS_MAX = 256


@dataclass(frozen=True, slots=True)
class PatrolConfig:
    """One patrol: what to look at, with what, and where it was.

    Attributes:
        sources: video files or picture folders, each given once.
        site: the site folder.
        model: the bundle folder.
        camera: id of the site's camera; `None` takes the site's default vehicle, or its only camera.
        gnss: NMEA log of the vehicle.
        gnss_offset_s: added to the log's times: positive when the video's clock is ahead of GNSS.
        gnss_sure: take the log although it fits the site only in another reference system.
        poses: file of poses that wins over the tags of drone photos (`edge.survey.poses`).
        start_utc: UTC of each source's first picture, in the order of `sources`; empty believes the containers.
        interval_s: seconds between the pictures of a folder.
        window: the part of each source that is looked at.
        observed_by: overrides what the camera says of itself (a vehicle that stops and stares counts as fixed).
        threads: the network's CPU budget. With 1 a patrol run again gives the same bits.
        backend: what runs the network (docs/backends.md). ``auto`` may choose otherwise on another day, and so
            differ in the last bits.
        face_model: YuNet's or CenterFace's ONNX file, asked beside the person boxes and an installed package's model.
        plate_model: a YOLOv5-style plate detector's ONNX file, asked beside the vehicle boxes.
        trust: public key files of signers whose bundles run here, beside those that Kerbwatch and the site trust.
    """

    sources: tuple[str, ...]
    site: Path
    model: Path
    camera: str | None = None
    gnss: Path | None = None
    gnss_offset_s: float = 0.0
    gnss_sure: bool = False
    poses: Path | None = None
    start_utc: tuple[datetime, ...] = ()
    interval_s: float | None = None
    window: Window = field(default_factory=Window)
    observed_by: ObservedBy | None = None
    threads: int = 1
    backend: str = "onnxruntime"
    face_model: Path | None = None
    plate_model: Path | None = None
    trust: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not self.sources:
            raise InputError("a patrol needs at least one --source: a video file or a folder of pictures")
        if len(set(self.sources)) < len(self.sources):
            raise InputError("a --source is given twice: name each once")
        if self.start_utc and len(self.start_utc) != len(self.sources):
            raise InputError(
                f"{len(self.start_utc)} --start-utc for {len(self.sources)} sources: give one for each source, in "
                "their order, or none when the containers tell the time"
            )
        if self.gnss_offset_s and self.gnss is None:
            raise InputError("--gnss-offset-s shifts a GNSS log: give one with --gnss")
        if not abs(self.gnss_offset_s) <= _OFFSET_MAX_S:  # so written, a NaN is refused too
            raise InputError(f"--gnss-offset-s {self.gnss_offset_s:g} must be a number of at most {_OFFSET_MAX_S:,} s")
        if self.window.every_m and self.gnss is None:
            raise InputError(
                "--every-m counts metres by a GNSS log: give one with --gnss, or look by time with --every-s"
            )
        if not 1 <= self.threads <= _THREADS_MAX:
            raise InputError(f"--threads {self.threads} must be 1 to {_THREADS_MAX}")

    def start_of(self, index: int) -> datetime | None:
        """What the user gave as the start of a source."""
        return self.start_utc[index] if self.start_utc else None


@dataclass(frozen=True, slots=True)
class Inputs:
    """Hashes of all that decides what a patrol finds."""

    device_id: str
    sources: tuple[Source, ...]
    gnss_sha256: str
    site_sha256: str
    model_sha256: str
    camera_id: str
    observed_by: ObservedBy


def patrol_id(config: PatrolConfig, inputs: Inputs) -> str:
    """Name of the patrol, 32 hex digits: the same inputs and flags give the same name, and so the same hit keys."""
    parts: list[object] = [
        inputs.device_id,
        [(s.sha256, s.starts_at.isoformat()) for s in inputs.sources],
        inputs.gnss_sha256,
        config.gnss_offset_s,
        inputs.site_sha256,
        inputs.model_sha256,
        inputs.camera_id,
        inputs.observed_by,
        config.interval_s,
        [config.window.from_s, config.window.to_s, config.window.every_s],
    ]
    if config.window.every_m or config.window.by_motion:
        # Only then: patrols of before keep their names.
        parts.append([config.window.every_m, config.window.by_motion])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
