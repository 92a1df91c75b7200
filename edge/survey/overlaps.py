"""Which photos show the same ground, and at which pixels: SIFT, ratio test, and a homography by MAGSAC.

Lowe 2004 for the features and the ratio test, Arandjelovic and Zisserman 2012 for the square root of the descriptors,
Barath et al. 2020 for MAGSAC++. From a drone the ground is nearly a plane, so matches that fit one homography are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import SourceError
from detector.frame import Image

Pixels = NDArray[np.float64]
"""float64 (N, 2): u, v."""

_WORK_WIDTH_PX = 1000
"""Photos are matched at this width: features of a few decimetres are what two photos share."""
_FEATURES = 3000
_RATIO = 0.75
_INLIER_PX = 4.0
_INLIERS_MIN = 15
"""Fewer agree by chance on lawns and roofs."""
_NEIGHBOURS = 15
"""Each photo is matched against so many nearest ones: more cost time and tell nothing new."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Ground that two photos share.

    Attributes:
        a, b: indices of the photos, a < b.
        a_px, b_px: (N, 2) the same N points in either photo, pixels of the full-size photos.
    """

    a: int
    b: int
    a_px: Pixels
    b_px: Pixels


@dataclass(frozen=True, slots=True, eq=False)
class _Features:
    points_px: Pixels
    descriptors: NDArray[np.float32]


def find_overlaps(
    paths: Sequence[Path], places_m: Pixels, reach_m: float, tick: Callable[[str], None] = lambda _: None
) -> tuple[Overlap, ...]:
    """Match every photo against its neighbours.

    Args:
        paths: photos that can be read.
        places_m: (N, 2) where each was taken, east and north.
        reach_m: photos taken further apart than this show no common ground.
        tick: told each step's name, once per photo and once per pair (`steps` counts them).

    Raises:
        SourceError: a photo cannot be decoded.
    """
    cv2.setRNGSeed(0)
    features: list[_Features] = []
    for path in paths:
        tick(path.name)
        features.append(_features(path))
    found: list[Overlap] = []
    for a, b in _neighbours(places_m, reach_m):
        tick(f"{paths[a].name} / {paths[b].name}")
        matched = _match(features[a], features[b])
        if matched is not None:
            found.append(Overlap(a, b, *matched))
    return tuple(found)


def steps(places_m: Pixels, reach_m: float) -> int:
    """How often `find_overlaps` ticks."""
    return len(places_m) + sum(1 for _ in _neighbours(places_m, reach_m))


def read_photo(path: Path) -> Image:
    """The pixels of a photo as the drone wrote them, not turned.

    Raises:
        SourceError: cannot be decoded.
    """
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    photo = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flags)
    if photo is None:
        raise SourceError(f"{path.name} is a damaged picture")
    return cast("Image", photo)


def _neighbours(places_m: Pixels, reach_m: float) -> Iterator[tuple[int, int]]:
    apart_m = np.hypot(*(places_m[:, None] - places_m[None]).transpose(2, 0, 1))
    rank = apart_m.argsort(axis=1).argsort(axis=1)
    for a, b in combinations(range(len(places_m)), 2):
        if apart_m[a, b] <= reach_m and min(rank[a, b], rank[b, a]) <= _NEIGHBOURS:
            yield a, b


def _features(path: Path) -> _Features:
    grey = cv2.cvtColor(read_photo(path), cv2.COLOR_BGR2GRAY)
    scale = min(1.0, _WORK_WIDTH_PX / grey.shape[1])
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1.0 else grey
    points, descriptors = cv2.SIFT.create(_FEATURES).detectAndCompute(small, None)
    if descriptors is None:
        return _Features(np.empty((0, 2)), np.empty((0, 128), np.float32))
    # A resized pixel's centre: (u + 0.5) / scale - 0.5.
    at_px = (np.array([p.pt for p in points]) + 0.5) / scale - 0.5
    roots = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6))
    return _Features(at_px, roots.astype(np.float32))


def _match(a: _Features, b: _Features) -> tuple[Pixels, Pixels] | None:
    if min(len(a.points_px), len(b.points_px)) < _INLIERS_MIN:
        return None
    pairs = cv2.BFMatcher().knnMatch(a.descriptors, b.descriptors, 2)
    good = [best for best, second in pairs if best.distance < _RATIO * second.distance]
    if len(good) < _INLIERS_MIN:
        return None
    a_px = a.points_px[[m.queryIdx for m in good]]
    b_px = b.points_px[[m.trainIdx for m in good]]
    homography, mask = cv2.findHomography(a_px, b_px, cv2.USAC_MAGSAC, _INLIER_PX)
    if homography is None or mask is None:
        return None
    inlier = mask.ravel() > 0
    return (a_px[inlier], b_px[inlier]) if inlier.sum() >= _INLIERS_MIN else None
