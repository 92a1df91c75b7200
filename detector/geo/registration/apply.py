"""A place moved by the registration of its pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detector.errors import InputError
from detector.geo.plane import LocalPlane
from detector.hit import PassOffset, Place


def apply(place: Place, offset: PassOffset) -> Place:
    """The place moved; what is unknown of the offset takes the place of the fix's error.

    Raises:
        InputError: the place was moved before.
    """
    if place.offset is not None:
        raise InputError(f"the place was already moved by {place.offset.east_m:.2f}, {place.offset.north_m:.2f} m")
    plane = LocalPlane(place.lon_deg, place.lat_deg)
    ((lon_deg, lat_deg),) = plane.lon_lat_deg((offset.east_m, offset.north_m)).tolist()
    lever = np.array(place.heading_lever_m)
    cov_pass = np.array(offset.cov_m2) + np.outer(lever, lever) * place.sigma_heading_rad**2
    return replace(
        place,
        lon_deg=lon_deg,
        lat_deg=lat_deg,
        cov_pass_m2=((float(cov_pass[0, 0]), float(cov_pass[0, 1])), (float(cov_pass[1, 0]), float(cov_pass[1, 1]))),
        pass_shift_m2=offset.cov_m2,
        offset=offset,
    )
