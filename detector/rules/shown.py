"""Where the picture shows the line itself, the picture decides: a shop's step, a painted bay.

The map knows a shop's line to a metre and the camera's pose adds its own error; in the picture a table stands before or
behind the line to within a few pixels. So a standing camera may carry marks (`detector.site.marks`), and a thing's
ground contact is held against them in the picture. Nearer to a line than the contact is known, the map decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import Polygon

from detector.geo.camera import Camera, FixedHomography, FixedPose, image_px, same_shape
from detector.geo.contact import contacts_of
from detector.geo.view import fixed_view
from detector.geo.zones import GRANTING
from detector.site.model import MarkedZone, Site
from detector.tracks import Track

Array = NDArray[np.float64]

SURE_SIGMAS = 2.0
"""A contact this many sigmas from a line is on that side of it."""


def shown_zones(track: Track, camera: Camera, site: Site) -> dict[str, bool]:
    """Zone id -> whether the thing stands inside, for each zone whose line the picture shows clearly enough.

    A zone that is marked but not in the answer is undecided: the contact lies within its error of the line, or it is
    hidden. The zone's `tolerance_m` counts in the citizen's favour, as on the map.
    """
    marks = site.marked.get(camera.camera_id, ())
    if not marks or not isinstance(camera, FixedPose | FixedHomography):
        return {}
    contact = _contact(track, camera)
    if contact is None:
        return {}
    return {
        mark.zone_id: inside
        for mark in marks
        if (inside := _inside(mark, *contact, camera, _slack_m(mark, site))) is not None
    }


def shown_by_track(tracks: Sequence[Track], camera: Camera, site: Site) -> Mapping[str, Mapping[str, bool]]:
    """`shown_zones` of many tracks, by track id; tracks without an answer are left out."""
    answers = {track.track_id: shown_zones(track, camera, site) for track in tracks}
    return {track_id: answer for track_id, answer in answers.items() if answer}


def _contact(track: Track, camera: FixedPose | FixedHomography) -> tuple[Array, Array] | None:
    """Median ground contact and its sigma, each (2,) px of the camera's own picture size; `None` when never seen.

    The sigma is that of one frame: what a detector gets wrong about a thing, it gets wrong in every frame.
    """
    own = image_px(camera)
    sizes = [(seen.frame_width_px, seen.frame_height_px) for seen in track.observations]
    contacts = contacts_of(track.observations, np.zeros(len(sizes), np.bool_))
    usable = ~contacts.cut_off & np.array([same_shape(own, size) for size in sizes], np.bool_)
    if not usable.any():
        return None
    scale = np.array(own, np.float64) / np.array(sizes, np.float64)
    # Pixel centres have whole numbers, so the picture's edge lies half a pixel before 0.
    uv = (contacts.uv_px + 0.5) * scale - 0.5
    sigma = np.hypot(contacts.sigma_px * scale, camera.sigmas.pixel_px)
    return np.median(uv[usable], axis=0), np.median(sigma[usable], axis=0)


def _slack_m(mark: MarkedZone, site: Site) -> float:
    """How far the line moves outwards, metres; inwards for a zone that forbids."""
    zone = site.zones.zone(mark.zone_id)
    if zone is None:
        return 0.0
    return zone.tolerance_m if zone.kind in GRANTING else -zone.tolerance_m


def _inside(
    mark: MarkedZone, uv: Array, sigma: Array, camera: FixedPose | FixedHomography, slack_m: float
) -> bool | None:
    """Inside, outside or (`None`) too near to tell. In sigmas: the picture is squeezed until the error is round."""
    area = Polygon(np.array(mark.pixels) / sigma)
    point = shapely.Point(*(uv / sigma).tolist())
    depth = float(area.exterior.distance(point)) * (1.0 if area.contains(point) else -1.0)
    if slack_m != 0.0:
        nearest = area.exterior.interpolate(area.exterior.project(point))
        way = np.array([nearest.x, nearest.y]) - uv / sigma
        step = way / np.hypot(*way) if way.any() else np.array([0.0, 1.0])
        sigma_m = ground_gap_m(camera, uv, uv + step * sigma)
        depth += slack_m / sigma_m if sigma_m else 0.0
    return depth > 0.0 if abs(depth) >= SURE_SIGMAS else None


def ground_gap_m(camera: FixedPose | FixedHomography, a_px: ArrayLike, b_px: ArrayLike) -> float | None:
    """Metres on the ground between two pixels of a standing camera; `None` when one of them shows no ground."""
    uv = np.array([a_px, b_px], np.float64)
    if isinstance(camera, FixedHomography):
        mapped = np.column_stack((uv, np.ones(2))) @ np.array(camera.matrix).T
        metres = mapped[:, :2] / mapped[:, 2:]
        sees = bool(mapped[0, 2] * mapped[1, 2] > 0.0)
    else:
        rays = fixed_view(camera).repeated(2).to_street(camera.lens.rays(uv))
        sees = bool((rays[:, 2] < 0.0).all())
        metres = rays[:, :2] * (camera.height_m / np.where(rays[:, 2:] < 0.0, -rays[:, 2:], np.nan))
    return float(np.hypot(*(metres[0] - metres[1]))) if sees else None
