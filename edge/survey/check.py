"""Do overlapping drone photos agree about the ground? The check as a whole, and what it finds wrong.

A photo's *disagreement* with another is the median distance between the ground points that matched pixels give from
either photo, by the tags alone: fix, gimbal and height, with the product's own camera geometry. A metre or three is the
GNSS; twenty and more is a heading that is turned round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError, SourceError
from detector.geo.camera import Lens, rotation
from detector.geo.plane import LocalPlane
from edge.survey.headings import Complex, Corrections, Seen, heading_corrections
from edge.survey.overlaps import Overlap, Pixels, find_overlaps, steps
from edge.survey.tags import SIGMA_HEADING_DEG, PhotoPose, read_pose

PHOTOS_MAX: Final = 600
SUFFIXES: Final = frozenset({".jpg", ".jpeg"})

_TURNED_ROUND_DEG = 30.0
"""Within this of 180 degrees a heading is turned round."""
_OFF_DEG = 15.0
"""Further than this from what all share, a heading is wrong by itself."""
_CLEAR = 2.0
"""A common offset is clear when it is so many sigmas."""
_GAP_M = 15.0
"""Fixes may be so far off that photos overlap although their tags say they do not."""


class Finding(StrEnum):
    """What the check says of one photo's heading."""

    GOOD = "good"
    TURNED_ROUND = "turned_round"
    OFF = "off"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PhotoFinding:
    """One photo's result.

    Attributes:
        pose: as tagged.
        finding: of its heading.
        turn_deg: measured correction, clockwise; `None` when unknown.
        mended: the pose with the measured heading where that is better than a compass; else only turned back when it
            is turned round; else as tagged.
        overlaps: how many photos share ground with it.
    """

    pose: PhotoPose
    finding: Finding
    turn_deg: float | None
    mended: PhotoPose
    overlaps: int


@dataclass(frozen=True, slots=True)
class PairFinding:
    """Two photos' disagreement about the ground that they share, metres (median over `points` matched pixels)."""

    a: str
    b: str
    points: int
    tagged_m: float
    turned_m: float
    mended_m: float


@dataclass(frozen=True, slots=True)
class SurveyCheck:
    """Result of `check_photos`.

    Attributes:
        photos, pairs: one entry each.
        common_deg: what every heading is off by, clockwise correction, after those turned round are turned back.
        common_sigma_deg: its error; `None` when it could not be measured.
        common_clear: whether it is more than its error.
        unread: photos without a usable pose, and why.
        odd: strange tags.
    """

    photos: tuple[PhotoFinding, ...]
    pairs: tuple[PairFinding, ...]
    common_deg: float | None
    common_sigma_deg: float | None
    common_clear: bool
    unread: tuple[str, ...]
    odd: tuple[str, ...]

    def medians_m(self) -> tuple[float, float, float]:
        """Median disagreement over all pairs: as tagged, with headings turned back, and with headings as measured."""
        rows = np.array([(p.tagged_m, p.turned_m, p.mended_m) for p in self.pairs]).reshape(-1, 3)
        tagged, turned, mended = np.median(rows, axis=0).tolist() if len(rows) else (np.nan,) * 3
        return tagged, turned, mended


def photo_paths(folder: Path) -> list[Path]:
    """The photos of a folder by name.

    Raises:
        SourceError: no such folder, no photos, or too many.
    """
    if not folder.is_dir():
        raise SourceError(f"no such folder: {folder}")
    # A pipe or a device by a photo's name would be read for ever.
    paths = sorted(
        p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file()
    )
    if not paths:
        raise SourceError(f"{folder} holds no drone photos ({', '.join(sorted(SUFFIXES))})")
    if len(paths) > PHOTOS_MAX:
        raise SourceError(f"{folder} holds {len(paths)} photos; check at most {PHOTOS_MAX} at a time")
    return paths


def check_photos(
    paths: Sequence[Path],
    horizontal_fov_deg: float | None = None,
    progress: Callable[[int, int, str], None] = lambda _done, _total, _what: None,
) -> SurveyCheck:
    """Match overlapping photos and find headings that are wrong.

    Args:
        paths: the photos.
        horizontal_fov_deg: of the camera; `None` takes it from the photos' EXIF.
        progress: told (steps done, steps in all, what is done now).

    Raises:
        InputError: the field of view is not known, or fewer than two photos have a pose.
        SourceError: a photo's pixels cannot be decoded.
    """
    poses, readable, unread = _poses(paths)
    lenses = [photo_lens(pose, horizontal_fov_deg) for pose in poses]
    plane = LocalPlane(poses[0].lon_deg, poses[0].lat_deg)
    places_m = plane.east_north_m([(p.lon_deg, p.lat_deg) for p in poses])
    reach_m = _reach_m(poses, lenses)
    total, done = steps(places_m, reach_m), 0

    def tick(what: str) -> None:
        nonlocal done
        progress(done, total, what)
        done += 1

    overlaps = find_overlaps(readable, places_m, reach_m, tick)
    places = _complex(places_m)
    seen = [s for o in overlaps if (s := _seen(o, poses, lenses)) is not None]
    found = heading_corrections(places, seen)
    round_turn, rest = _round_turns(found)
    common, sigma = _common(rest, found)
    clear = common is not None and sigma is not None and abs(common) > _CLEAR * sigma
    photos = tuple(
        PhotoFinding(
            pose=pose,
            finding=_finding(found.turn_deg[i], common),
            turn_deg=found.turn_deg[i],
            mended=_mended(pose, found.turn_deg[i], found.sigma_deg[i]),
            overlaps=sum(i in (s.a, s.b) for s in seen),
        )
        for i, pose in enumerate(poses)
    )
    own_turn = np.array([p.mended.heading_deg - p.pose.heading_deg for p in photos])
    return SurveyCheck(
        photos=photos,
        pairs=tuple(_pair(s, poses, places, round_turn, own_turn) for s in seen),
        common_deg=common,
        common_sigma_deg=sigma,
        common_clear=clear,
        unread=tuple(unread),
        odd=tuple(sentence for pose in poses for sentence in pose.odd),
    )


def photo_lens(pose: PhotoPose, horizontal_fov_deg: float | None) -> Lens:
    """The lens of a photo, without distortion.

    Raises:
        InputError: neither the caller nor the photo's EXIF knows the field of view.
    """
    fov_deg = horizontal_fov_deg if horizontal_fov_deg is not None else pose.horizontal_fov_deg
    if fov_deg is None:
        raise InputError(
            f"{pose.name}: EXIF tells no focal length that fits camera {pose.model or 'unknown'!r}: give the "
            "horizontal field of view with --hfov-deg"
        )
    return Lens.from_fov(pose.width_px, pose.height_px, fov_deg)


def ground_offsets_m(pose: PhotoPose, lens: Lens, uv_px: Pixels) -> NDArray[np.float64]:
    """(N, 2) pixels -> (N, 2) east, north metres from under the camera to the ground seen; NaN above the horizon."""
    rays = lens.rays(uv_px) @ rotation(pose.heading_deg, pose.pitch_deg, pose.roll_deg)[0].T
    down = np.where(rays[:, 2] < -1e-3, -rays[:, 2], np.nan)
    return rays[:, :2] * (pose.above_ground_m / down)[:, None]


def _poses(paths: Sequence[Path]) -> tuple[list[PhotoPose], list[Path], list[str]]:
    poses: list[PhotoPose] = []
    readable: list[Path] = []
    unread: list[str] = []
    for path in paths:
        try:
            poses.append(read_pose(path))
            readable.append(path)
        except SourceError as error:
            unread.append(str(error))
    if len(poses) < 2:
        raise InputError(f"a check needs two photos with a pose; {len(poses)} of {len(paths)} have one. {unread[0]}"
                         if unread else "a check needs two photos; one was given")  # fmt: skip
    return poses, readable, unread


def _reach_m(poses: Sequence[PhotoPose], lenses: Sequence[Lens]) -> float:
    """Beyond this distance no two photos can overlap, whatever their headings."""
    reach_m = 0.0
    for pose, lens in zip(poses, lenses, strict=True):
        corners = np.array([(0, 0), (1, 0), (0, 1), (1, 1)]) * (lens.width_px, lens.height_px)
        away_m = np.hypot(*ground_offsets_m(pose, lens, corners).T)
        # Tilted photos reach to the horizon; what is matched lies nearer.
        reach_m = max(reach_m, float(np.nanmin([np.nanmax(away_m), 4.0 * pose.above_ground_m])))
    return 2.0 * reach_m + _GAP_M


def _complex(east_north_m: NDArray[np.float64]) -> Complex:
    return east_north_m[:, 0] + 1j * east_north_m[:, 1]


def _seen(overlap: Overlap, poses: Sequence[PhotoPose], lenses: Sequence[Lens]) -> Seen | None:
    from_a = _complex(ground_offsets_m(poses[overlap.a], lenses[overlap.a], overlap.a_px))
    from_b = _complex(ground_offsets_m(poses[overlap.b], lenses[overlap.b], overlap.b_px))
    below = np.isfinite(from_a) & np.isfinite(from_b)
    return Seen(overlap.a, overlap.b, from_a[below], from_b[below]) if below.sum() >= 3 else None


def _round_turns(found: Corrections) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """180 for each photo that is turned round, else 0; and what is left of its correction, NaN when unknown."""
    turns = np.array([np.nan if t is None else t for t in found.turn_deg])
    round_turn = np.where(np.abs(turns) > 180.0 - _TURNED_ROUND_DEG, 180.0, 0.0)
    return round_turn, (turns - round_turn + 180.0) % 360.0 - 180.0


def _common(rest_deg: NDArray[np.float64], found: Corrections) -> tuple[float | None, float | None]:
    good = np.abs(rest_deg) <= _TURNED_ROUND_DEG
    if not good.any():
        return None, None
    common = float(np.median(rest_deg[good]))
    shared = max(s for s, ok in zip(found.sigma_deg, good, strict=True) if ok and s is not None)
    scatter = 1.4826 * float(np.median(np.abs(rest_deg[good] - common))) * 1.25 / np.sqrt(good.sum())
    return common, float(np.hypot(shared, scatter))


def _finding(turn_deg: float | None, common_deg: float | None) -> Finding:
    if turn_deg is None:
        return Finding.UNKNOWN
    if _is_turned_round(turn_deg):
        return Finding.TURNED_ROUND
    return Finding.OFF if abs(turn_deg - (common_deg or 0.0)) > _OFF_DEG else Finding.GOOD


def _mended(pose: PhotoPose, turn_deg: float | None, sigma_deg: float | None) -> PhotoPose:
    if turn_deg is not None and sigma_deg is not None and sigma_deg <= SIGMA_HEADING_DEG:
        return pose.turned(turn_deg)
    return pose.turned(180.0) if turn_deg is not None and _is_turned_round(turn_deg) else pose


def _is_turned_round(turn_deg: float) -> bool:
    return abs(turn_deg) > 180.0 - _TURNED_ROUND_DEG


def _pair(
    seen: Seen,
    poses: Sequence[PhotoPose],
    places: Complex,
    round_turn: NDArray[np.float64],
    own_turn: NDArray[np.float64],
) -> PairFinding:
    def apart_m(turn_a_deg: float, turn_b_deg: float) -> float:
        a = places[seen.a] + seen.from_a * np.exp(-1j * np.radians(turn_a_deg))
        b = places[seen.b] + seen.from_b * np.exp(-1j * np.radians(turn_b_deg))
        return float(np.median(np.abs(a - b)))

    return PairFinding(
        a=poses[seen.a].name,
        b=poses[seen.b].name,
        points=len(seen.from_a),
        tagged_m=apart_m(0.0, 0.0),
        turned_m=apart_m(round_turn[seen.a], round_turn[seen.b]),
        mended_m=apart_m(own_turn[seen.a], own_turn[seen.b]),
    )
