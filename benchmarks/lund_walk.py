"""Relative geometry of the Lund walk: 29 phone photos by a walker, each with a GPS fix that is good to 5-10 m.

Nothing absolute can be said with such fixes, so the pictures are measured against themselves: the motion between two
photos (essential matrix), the length of a step against the one before (points seen in three photos), and how well two
independent triangulations of a point agree. One number ties it to metres: the length of the whole GPS path.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from detector.geo.plane import LocalPlane

Array = NDArray[np.float64]

FOCAL_35_MM = 35.0
RANGES_M = ((3.0, 10.0), (10.0, 20.0), (20.0, 30.0))


@dataclass(frozen=True)
class Photo:
    """One photo of the walk: where its GPS and its compass say it was, and its features."""

    name: str
    lon_lat_deg: tuple[float, float]
    compass_deg: float
    points_px: Array
    descriptors: NDArray[np.float32]


@dataclass(frozen=True)
class Step:
    """From one photo to the next.

    Attributes:
        turn: rotation (3, 3) of camera axes (right, down, forward) from the first to the second.
        way: (3,) unit vector of motion in the first camera's axes.
        first_ids, second_ids: index of each point among either photo's features.
        points: (N, 3) triangulated in the second camera's axes, the step's length as unit.
    """

    turn: Array
    way: Array
    first_ids: NDArray[np.intp]
    second_ids: NDArray[np.intp]
    points: Array

    @property
    def inliers(self) -> int:
        """Matches that agree with the motion."""
        return len(self.points)


@dataclass(frozen=True)
class Walk:
    """What the pictures say of the walk, metres after one common scale.

    Attributes:
        gps_m, seen_m: (N, 2) path by GPS, and by the pictures laid onto it (one shift, one turn, one scale).
        compass_off_deg: (N,) compass minus the heading by pictures.
        range_m, apart_m: of points triangulated twice.
        inliers: (N - 1,) matches behind each step.
    """

    gps_m: Array
    seen_m: Array
    compass_off_deg: Array
    range_m: Array
    apart_m: Array
    inliers: Array


def measure_walk(folder: Path) -> Walk:
    """Measure the walk in the photos of a folder."""
    cv2.setNumThreads(1)
    photos = [_photo(p) for p in sorted(folder.glob("*.jpg"))]
    steps = [_step(a, b) for a, b in pairwise(photos)]
    lengths, twice = _lengths(steps)
    path, headings_deg = _path(steps, lengths)
    plane = LocalPlane(*photos[0].lon_lat_deg)
    gps_m = plane.east_north_m([p.lon_lat_deg for p in photos])
    seen_m, turn_deg, scale = _laid_onto(path, gps_m)
    compass = np.array([p.compass_deg for p in photos])
    off = (compass - headings_deg - turn_deg + 180.0) % 360.0 - 180.0
    range_m, apart_m = (np.concatenate([t[k] for t in twice]) * scale for k in (0, 1))
    return Walk(gps_m, seen_m, off, range_m, apart_m, np.array([float(s.inliers) for s in steps]))


def _photo(path: Path) -> Photo:
    with PilImage.open(path) as photo:
        exif = photo.getexif()
        gps, said = exif.get_ifd(0x8825), json.loads(exif[270])
    lat, lon = ([float(x) for x in gps[k]] for k in (2, 4))
    lon_lat = (lon[0] + lon[1] / 60 + lon[2] / 3600, lat[0] + lat[1] / 60 + lat[2] / 3600)
    points, descriptors = cv2.SIFT.create(4000).detectAndCompute(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), None)
    roots = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6)).astype(np.float32)
    compass_deg = float(said["MAPCompassHeading"]["TrueHeading"])
    return Photo(path.name, lon_lat, compass_deg, np.array([p.pt for p in points]), roots)


def _camera(width_px: int = 1024, height_px: int = 768) -> Array:
    focal_px = width_px * FOCAL_35_MM / 36.0
    return np.array([[focal_px, 0, (width_px - 1) / 2], [0, focal_px, (height_px - 1) / 2], [0, 0, 1]])


def _step(a: Photo, b: Photo) -> Step:
    pairs = cv2.BFMatcher().knnMatch(a.descriptors, b.descriptors, 2)
    good = [best for best, second in pairs if best.distance < 0.75 * second.distance]
    ids_a, ids_b = (np.array([getattr(m, k) for m in good]) for k in ("queryIdx", "trainIdx"))
    a_px, b_px = a.points_px[ids_a], b.points_px[ids_b]
    cv2.setRNGSeed(0)
    camera = _camera()
    essential, mask = cv2.findEssentialMat(a_px, b_px, camera, method=cv2.USAC_MAGSAC, prob=0.999, threshold=1.0)
    _, turn, shift, mask = cv2.recoverPose(essential, a_px, b_px, camera, mask=mask)
    kept = mask.ravel() > 0
    first, second = camera @ np.eye(3, 4), camera @ np.hstack((turn, shift))
    points = cv2.triangulatePoints(first, second, a_px[kept].T, b_px[kept].T)
    in_first = (points[:3] / points[3]).T
    return Step(turn, (-turn.T @ shift).ravel(), ids_a[kept], ids_b[kept], in_first @ turn.T + shift.T)


def _lengths(steps: list[Step]) -> tuple[Array, list[tuple[Array, Array]]]:
    """Length of each step in units of the first, and per triple the range and the misfit of points seen thrice."""
    lengths = [1.0]
    twice: list[tuple[Array, Array]] = []
    for before, after in pairwise(steps):
        # The second step's points, from the third camera's axes back into the second's, where the first step's are.
        in_second = after.points @ after.turn + after.way
        seen_by = {int(i): k for k, i in enumerate(before.second_ids)}
        shared = [(seen_by[int(i)], k) for k, i in enumerate(after.first_ids) if int(i) in seen_by]
        old = before.points[[i for i, _ in shared]] * lengths[-1]
        new = in_second[[k for _, k in shared]]
        front = (old[:, 2] > 0) & (new[:, 2] > 0)
        old, new = old[front], new[front]
        scale = float(np.median(old[:, 2] / new[:, 2]))
        lengths.append(scale)
        twice.append((np.hypot(old[:, 0], old[:, 2]), np.hypot(*(old - new * scale)[:, [0, 2]].T)))
    return np.array(lengths), twice


def _path(steps: list[Step], lengths: Array) -> tuple[Array, Array]:
    """Positions (N, 2: right, forward of the first camera) and headings (N,) clockwise of the first, degrees."""
    axes, at = np.eye(3), np.zeros(3)
    places, headings_deg = [at], [0.0]
    for step, length in zip(steps, lengths, strict=True):
        at = at + axes @ step.way * length
        axes = axes @ step.turn.T
        places.append(at)
        headings_deg.append(float(np.degrees(np.arctan2(axes[0, 2], axes[2, 2]))))
    return np.array(places)[:, [0, 2]], np.array(headings_deg)


def _laid_onto(path: Array, gps_m: Array) -> tuple[Array, float, float]:
    """The path by pictures laid onto the GPS path: shift, turn (clockwise, degrees) and scale by least squares."""
    a, b = path[:, 0] + 1j * path[:, 1], gps_m[:, 0] + 1j * gps_m[:, 1]
    fit = np.vdot(a - a.mean(), b - b.mean()) / np.vdot(a - a.mean(), a - a.mean())
    laid = (a - a.mean()) * fit + b.mean()
    return np.column_stack((laid.real, laid.imag)), float(-np.degrees(np.angle(fit))), float(abs(fit))
