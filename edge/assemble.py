"""From a hit to a report: evidence pictures, and the body that binds them.

The same hit always gives the same bytes, whenever the patrol runs: pictures are encoded by one encoder at one quality
and hold no metadata, and nothing in the body but the report id comes from chance or from the clock on the wall.
"""

from __future__ import annotations

import math
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from detector.frame import Fix, Image
from detector.geo.camera import ObservedBy
from detector.hit import Hit, Matrix2, PassOffset, Place
from detector.report import (
    Covariance,
    EvidenceItem,
    ReportBody,
    ReportBox,
    ReportFix,
    ReportOffset,
    ReportPlace,
    ReportReason,
    Versions,
)
from detector.tracks import Box
from edge.originals import OriginalFile
from edge.outbox import EvidenceFile

JPEG_QUALITY: Final = 88
"""Number plates of the size a person can read stay readable; twice the bytes of 75, half those of 95."""

_CROP_MARGIN = 0.4
"""Of the box's size, on each side: a bay line or a shop front beside the thing belongs to the proof."""
_CROP_MIN_PX = 96
_NOT_SAME_MAX = 5000
_FRAME_IDS_MAX = 1000
_LINE_MAX = 200
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Origin:
    """What all reports of one pass have in common."""

    device_id: str
    patrol_id: str
    pass_id: str
    source_id: str
    source_sha256: str
    camera_id: str
    observed_by: ObservedBy
    versions: Versions
    synthetic: bool


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """The picture a report shows, its people blurred already.

    Attributes:
        image: blurred, BGR uint8 (H, W, 3).
        blur_method: as `EvidenceItem.blur_method`.
        subject: boxes of what the report is about, the chosen track's first.
        detections: everything seen in the picture.
    """

    image: Image
    blur_method: str
    frame_id: str
    captured_at: datetime
    fix: Fix | None
    subject: tuple[Box, ...]
    detections: Detections


def software_version() -> str:
    """What reports name as the software that decided."""
    try:
        return f"kerbwatch {version('kerbwatch')}"
    except PackageNotFoundError:
        return "kerbwatch (checkout)"


def assemble(
    report_id: uuid.UUID, key: str, hit: Hit, shot: Shot, origin: Origin, originals: tuple[OriginalFile, ...] = ()
) -> tuple[ReportBody, list[EvidenceFile]]:
    """The body of a hit's report, and the evidence files it names; of the originals it names the hashes alone."""
    stills = [_still("still_full", shot.image, shot, (0, 0))]
    left, top, right, bottom = _crop(shot)
    if (right - left, bottom - top) != (shot.image.shape[1], shot.image.shape[0]):
        stills.append(_still("still_crop", shot.image[top:bottom, left:right], shot, (left, top)))
    track = hit.track
    members = {track.track_id, *hit.member_track_ids}
    body = ReportBody(
        report_id=report_id,
        hit_key=key,
        device_id=origin.device_id,
        patrol_id=origin.patrol_id,
        pass_id=origin.pass_id,
        track_id=track.track_id,
        not_same_as=tuple(sorted(set(track.seen_with) - members))[:_NOT_SAME_MAX],
        source_id=origin.source_id,
        source_sha256=origin.source_sha256 or None,
        camera_id=origin.camera_id,
        observed_by=origin.observed_by,
        frame_ids=_spread([o.frame_id for o in track.observations], _FRAME_IDS_MAX),
        frame_count=track.frame_count,
        first_seen_at=track.first_seen_at,
        last_seen_at=track.last_seen_at,
        captured_at=shot.captured_at,
        kind=hit.kind,
        cue=track.cue,
        outcome=hit.outcome,
        probability=hit.probability,
        reasons=tuple(ReportReason(code=r.code, zh=_line(r.text.zh), en=_line(r.text.en)) for r in hit.reasons),
        zone_ids=hit.zone_ids,
        rule_id=hit.rule_id,
        count=hit.count,
        place=None if hit.place is None else _place(hit.place, origin.synthetic),
        fix=None if shot.fix is None else _fix(shot.fix, origin.synthetic),
        evidence=tuple(item for item, _ in stills),
        originals=tuple(file.named() for file in originals),
        versions=origin.versions,
    )
    return body, [file for _, file in stills]


def _still(role: str, image: Image, shot: Shot, origin_px: tuple[int, int]) -> tuple[EvidenceItem, EvidenceFile]:
    ok, data = cv2.imencode(".jpg", np.ascontiguousarray(image), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not ok:
        raise AssertionError(f"the encoder refused a picture of shape {image.shape}")
    file = EvidenceFile.of(data.tobytes(), ".jpg")
    height_px, width_px = image.shape[:2]
    item = EvidenceItem(
        role="still_full" if role == "still_full" else "still_crop",
        media_type="image/jpeg",
        sha256=file.sha256,
        size_bytes=len(file.data),
        frame_id=shot.frame_id,
        captured_at=shot.captured_at,
        width_px=width_px,
        height_px=height_px,
        boxes=_boxes(shot, origin_px, (width_px, height_px)),
        blurred=shot.blur_method != "none",
        blur_method=shot.blur_method,
    )
    return item, file


def _boxes(shot: Shot, origin_px: tuple[int, int], size_px: tuple[int, int]) -> tuple[ReportBox, ...]:
    """Every detection that shows in a part of the picture, in that part's pixels; the subjects marked."""
    found = shot.detections
    subjects = _matches(shot)
    shift = np.array([*origin_px, *origin_px], np.float32)
    boxes = np.clip(found.xyxy - shift, 0.0, np.array([*size_px, *size_px], np.float32))
    return tuple(
        ReportBox(
            xyxy_px=(round(left, 2), round(top, 2), round(right, 2), round(bottom, 2)),
            cue=name,
            confidence=round(confidence, 4),
            subject=i in subjects,
        )
        for i, ((left, top, right, bottom), name, confidence) in enumerate(
            zip(boxes.tolist(), found.names(), found.confidence.tolist(), strict=True)
        )
        if right - left >= 1.0 and bottom - top >= 1.0
    )


def _matches(shot: Shot) -> set[int]:
    """Indices of the detections that are the subjects: boxes of tracks are boxes of detections."""
    wanted = np.array(shot.subject, np.float32).reshape(-1, 4)
    return {int(np.abs(shot.detections.xyxy - box).sum(axis=1).argmin()) for box in wanted if len(shot.detections)}


def _crop(shot: Shot) -> tuple[int, int, int, int]:
    """left, top, right, bottom of the crop around all subjects, whole pixels inside the picture."""
    height_px, width_px = shot.image.shape[:2]
    boxes: NDArray[np.float64] = np.array(shot.subject, np.float64).reshape(-1, 4)
    (left, top), (right, bottom) = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
    return (
        *_margin(left, right, width_px)[:1],
        *_margin(top, bottom, height_px)[:1],
        *_margin(left, right, width_px)[1:],
        *_margin(top, bottom, height_px)[1:],
    )


def _margin(low: float, high: float, limit_px: int) -> tuple[int, int]:
    middle = (low + high) / 2
    half = max((high - low) * (0.5 + _CROP_MARGIN), _CROP_MIN_PX / 2)
    return max(0, math.floor(middle - half)), min(limit_px, math.ceil(middle + half))


def _line(text: str) -> str:
    """A sentence as a report may hold it: a city's long zone names are cut, line breaks become spaces."""
    text = _UNPRINTABLE.sub(" ", text)
    return text if len(text) <= _LINE_MAX else f"{text[: _LINE_MAX - 1]}…"


def _spread(names: list[str], limit: int) -> tuple[str, ...]:
    """At most `limit` of the names, evenly, first and last kept."""
    if len(names) <= limit:
        return tuple(names)
    return tuple(names[round(i * (len(names) - 1) / (limit - 1))] for i in range(limit))


def _covariance(matrix: Matrix2) -> Covariance:
    (ee, en), (_, nn) = matrix
    return Covariance(ee_m2=ee, en_m2=en, nn_m2=nn)


def _place(place: Place, synthetic: bool) -> ReportPlace:
    return ReportPlace(
        lon_deg=place.lon_deg,
        lat_deg=place.lat_deg,
        cov_own=_covariance(place.cov_own_m2),
        cov_pass=_covariance(place.cov_pass_m2),
        pass_shift=_covariance(place.pass_shift_m2),
        heading_lever_m=place.heading_lever_m,
        sigma_heading_rad=place.sigma_heading_rad,
        range_m=place.range_m,
        method=place.method,
        synthetic=place.synthetic or synthetic,
        offset=None if place.offset is None else _offset(place.offset),
    )


def _offset(offset: PassOffset) -> ReportOffset:
    return ReportOffset(
        east_m=offset.east_m, north_m=offset.north_m, cov=_covariance(offset.cov_m2), anchors=offset.anchors
    )


def _fix(fix: Fix, synthetic: bool) -> ReportFix:
    return ReportFix(
        quality=fix.quality,
        sigma_m=fix.sigma_m,
        heading_deg=fix.heading_deg,
        speed_m_s=fix.speed_m_s,
        synthetic=fix.synthetic or synthetic,
    )
