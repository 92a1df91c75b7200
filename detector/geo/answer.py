"""What every way of finding a place ends in: a place with its error, or why there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.geo.camera import CameraSigmas
from detector.geo.contact import Contacts
from detector.geo.plane import LocalPlane
from detector.geo.sight import Trust
from detector.geo.terrain import FINE_SIGMA_M, Terrain
from detector.hit import Matrix2, Place

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Why a track has no place.

    `code` is ``no_fix``, ``no_heading``, ``no_height`` (a drone's), ``above_horizon``, ``too_far``, ``cut_off`` or
    ``frame_size``. A thing ``above_horizon`` or ``too_far`` is known not to touch the ground near the camera; the
    others are unknown.
    """

    code: str


def why_not(contacts: Contacts, reasons: Sequence[str], lacks: Sequence[str]) -> Unplaced:
    """The most frequent reason; what the picture itself tells goes before what the fix lacks."""
    told = Counter(
        "cut_off" if cut else reason or lack
        for cut, reason, lack in zip(contacts.cut_off.tolist(), reasons, lacks, strict=True)
    )
    return Unplaced(told.most_common(1)[0][0])


def trust_of(
    sigmas: CameraSigmas,
    *,
    terrain: Terrain | None,
    heading_deg: float = 0.0,
    sway_pitch_deg: float = 0.0,
    sway_roll_deg: float = 0.0,
    height_m: float = 0.0,
) -> Trust:
    fine = terrain is not None and terrain.is_fine
    return Trust(
        heading_rad=float(np.radians(heading_deg)),
        sway_pitch_rad=float(np.radians(sway_pitch_deg)),
        sway_roll_rad=float(np.radians(sway_roll_deg)),
        pitch_rad=float(np.radians(sigmas.pitch_deg)),
        roll_rad=float(np.radians(sigmas.roll_deg)),
        ground_m=sigmas.ground_m,
        mapped_m=min(sigmas.ground_m, FINE_SIGMA_M) if fine else sigmas.ground_m,
        height_m=height_m,
    )


def lever_of(arm: Array) -> Array:
    """How a point at `arm` (east, north) from the antenna moves per radian of heading, clockwise."""
    return np.array([arm[1], -arm[0]])


def make_place(
    plane: LocalPlane,
    point: Array,
    *,
    cov_own: Array,
    shift: Array,
    lever: Array,
    sigma_heading_rad: float,
    range_m: float,
    method: str,
    synthetic: bool,
) -> Place:
    ((lon_deg, lat_deg),) = plane.lon_lat_deg(point).tolist()
    return Place(
        lon_deg=lon_deg,
        lat_deg=lat_deg,
        cov_own_m2=_matrix2(cov_own),
        cov_pass_m2=_matrix2(shift + np.outer(lever, lever) * sigma_heading_rad**2),
        pass_shift_m2=_matrix2(shift),
        heading_lever_m=(float(lever[0]), float(lever[1])),
        sigma_heading_rad=sigma_heading_rad,
        range_m=range_m,
        method=method,
        synthetic=synthetic,
    )


def _matrix2(cov: Array) -> Matrix2:
    return ((float(cov[0, 0]), float(cov[0, 1])), (float(cov[0, 1]), float(cov[1, 1])))
