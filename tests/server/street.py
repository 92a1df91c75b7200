"""Real pictures of a real street as sealed reports: what the tests of pages, labels and the running service send."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from detector.evidence.seal import DeviceKey, seal
from detector.report import (
    Covariance,
    EvidenceItem,
    ReportBody,
    ReportBox,
    ReportOffset,
    ReportPlace,
    ReportReason,
    SealedReport,
    Versions,
    hit_key,
)
from detector.vocabulary import Kind, Outcome

WALL_FRAME = 210
"""A riderless bicycle leaning against a wall."""
WALL_BICYCLE = (262.0, 14.0, 560.0, 232.0)
CORNER_FRAME = 120
"""A parked motorcycle beside a stopped cyclist."""
SEEN_AT = datetime(2026, 5, 17, 0, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Still:
    """One JPEG of the clip."""

    data: bytes
    width_px: int
    height_px: int
    frame_id: str

    @property
    def sha256(self) -> str:
        """Hash of the bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()


@cache
def picture(clip: Path, frame: int) -> NDArray[np.uint8]:
    """A frame of the clip, BGR uint8 (H, W, 3)."""
    with av.open(str(clip)) as container:
        for number, decoded in enumerate(container.decode(video=0)):
            if number == frame:
                return decoded.to_ndarray(format="bgr24")
    raise AssertionError(f"the clip has no frame {frame}")


def still(clip: Path, frame: int, quality: int = 90) -> Still:
    """A frame of the clip as JPEG; another quality gives other bytes of the same view."""
    image = picture(clip, frame)
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return Still(data.tobytes(), image.shape[1], image.shape[0], f"clip:{frame}")


def crop(source: Still, xyxy: tuple[float, float, float, float]) -> Still:
    """The part of a still inside a box, as its own JPEG."""
    image = cv2.imdecode(np.frombuffer(source.data, np.uint8), cv2.IMREAD_COLOR)
    left, top, right, bottom = (int(v) for v in xyxy)
    part = image[top:bottom, left:right]
    done, data = cv2.imencode(".jpg", part)
    assert done
    return Still(data.tobytes(), part.shape[1], part.shape[0], source.frame_id)


@dataclass(frozen=True)
class Sent:
    """A sealed report and the bytes of its evidence, by SHA-256."""

    sealed: SealedReport
    files: dict[str, bytes]


@dataclass(frozen=True)
class Scene:
    """What a report is about; `replace` a field to get another one."""

    clip: Path
    frame: int = WALL_FRAME
    box: tuple[float, float, float, float] = WALL_BICYCLE
    cue: str = "bicycle"
    kind: Kind = Kind.DISORDERLY_BIKE
    others: tuple[tuple[str, tuple[float, float, float, float]], ...] = ()
    lon_deg: float | None = 117.18512
    lat_deg: float = 34.26108
    synthetic: bool = True
    blurred: bool = True
    probability: float = 0.87
    pass_id: str = "pass-1"
    minutes: float = 0.0
    quality: int = 90
    offset: ReportOffset | None = None

    def but(self, **changes: object) -> Scene:
        """The same scene with some things different."""
        return replace(self, **changes)  # type: ignore[arg-type]


def report(key: DeviceKey, scene: Scene) -> Sent:
    """A sealed report of the scene, with a full still and a crop."""
    full = still(scene.clip, scene.frame, scene.quality)
    part = crop(full, scene.box)
    at = SEEN_AT + timedelta(minutes=scene.minutes)
    boxes = (
        ReportBox(xyxy_px=scene.box, cue=scene.cue, confidence=0.91, subject=True),
        *(ReportBox(xyxy_px=xyxy, cue=cue, confidence=0.6, subject=False) for cue, xyxy in scene.others),
    )
    left, top = (int(v) for v in scene.box[:2])
    moved = (scene.box[0] - left, scene.box[1] - top, part.width_px - 0.5, part.height_px - 0.5)
    evidence = (
        _item("still_full", full, at, boxes, scene.blurred),
        _item("still_crop", part, at, (boxes[0].model_copy(update={"xyxy_px": moved}),), scene.blurred),
    )
    body = ReportBody(
        report_id=uuid.uuid4(),
        hit_key=hit_key("patrol-1", full.sha256, at, scene.kind, 0),
        device_id=key.device_id,
        patrol_id="patrol-1",
        pass_id=scene.pass_id,
        track_id=f"clip/0/{full.sha256[:8]}",
        not_same_as=(),
        source_id="bikes.mp4",
        source_sha256="ab" * 32,
        camera_id="wall-cam",
        observed_by="fixed",
        frame_ids=(full.frame_id,),
        frame_count=54,
        first_seen_at=at - timedelta(seconds=1),
        last_seen_at=at + timedelta(seconds=1),
        captured_at=at,
        kind=scene.kind,
        cue=scene.cue,
        outcome=Outcome.VIOLATION,
        probability=scene.probability,
        reasons=(
            ReportReason(code="no_rider", zh="车旁无人骑行", en="nobody rides it"),
            ReportReason(code="outside_bay", zh="不在停车位内", en="outside every bike bay"),
        ),
        zone_ids=("pavement-1",),
        rule_id="disorderly_bike",
        count=1,
        place=_place(scene),
        fix=None,
        evidence=evidence,
        versions=Versions(
            software="kerbwatch 0.1.0", model_name="street-n", model_sha256="cd" * 32, site_sha256="ef" * 32
        ),
    )
    return Sent(seal(body, key), {full.sha256: full.data, part.sha256: part.data})


def _item(role: str, picture: Still, at: datetime, boxes: tuple[ReportBox, ...], blurred: bool) -> EvidenceItem:
    return EvidenceItem(
        role=role,  # type: ignore[arg-type]
        media_type="image/jpeg",
        sha256=picture.sha256,
        size_bytes=len(picture.data),
        frame_id=picture.frame_id,
        captured_at=at,
        width_px=picture.width_px,
        height_px=picture.height_px,
        boxes=boxes,
        blurred=blurred,
        blur_method="person_head" if blurred else "none",
    )


def _place(scene: Scene) -> ReportPlace | None:
    if scene.lon_deg is None:
        return None
    shared = Covariance(ee_m2=0.04, en_m2=0.0, nn_m2=0.04)
    return ReportPlace(
        lon_deg=scene.lon_deg,
        lat_deg=scene.lat_deg,
        cov_own=Covariance(ee_m2=0.30, en_m2=0.12, nn_m2=0.62),
        cov_pass=shared,
        pass_shift=shared,
        heading_lever_m=(0.0, 0.0),
        sigma_heading_rad=0.0,
        range_m=7.4,
        method="fixed_ground",
        synthetic=scene.synthetic,
        offset=scene.offset,
    )
