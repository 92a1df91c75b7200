"""Where a thing stands: from its boxes and the camera to a point on the ground with its error.

Each look is a ray through the ground contact that meets the ground (`contact`, `sight`). A carried camera that saw the
thing from several directions triangulates it (`triangulate`) along the path it drove (`trajectory`); else the looks are
averaged by weight, outliers pulled in (Huber). The error is split by who shares it (see `detector.hit.Place`):

* own: pixels (2 px and 3 % of the box), pitch and roll, the height of the ground, how the path drifted;
* pass, carried camera: the path's position, and its heading together with the yaw of the mounting, as a lever;
* pass, standing camera: the survey error of its position. Its heading error counts as own.

Everything seen on one pass shares the pitch and roll of the mounting too, and from a drone the error of its height.
They count as own all the same: what they do to a point depends on where it stood in the picture, so they neither shift
a pass nor turn it, and a registration that took them for a shift would be wrong. Counted as own, a thing's error is
right by itself; two things of one pass are then taken for less alike in error than they are.
"""

from __future__ import annotations

import numpy as np

from detector.geo.answer import Unplaced, lever_of, make_place, trust_of, why_not
from detector.geo.average import average
from detector.geo.camera import Camera, DroneCamera, FixedHomography, FixedPose, VehicleCamera
from detector.geo.carried import place_from_carrier
from detector.geo.contact import FROM_ABOVE_DEG, contacts_of
from detector.geo.sight import Sights, bearings_of, sights_by_homography, sights_by_pose
from detector.geo.terrain import Terrain
from detector.geo.view import fixed_view
from detector.hit import Place
from detector.tracks import Track

__all__ = ["Unplaced", "locate", "place_of"]


def locate(track: Track, camera: Camera, terrain: Terrain | None = None) -> Place | None:
    """The place of a track, or `None` when it has none (no fix, above the horizon, too far, foot not in view)."""
    place = place_of(track, camera, terrain)
    return place if isinstance(place, Place) else None


def place_of(track: Track, camera: Camera, terrain: Terrain | None = None) -> Place | Unplaced:
    """The place of a track, or why it has none: the most frequent reason among its observations.

    Args:
        terrain: how the ground rises; `None` for flat ground.
    """
    match camera:
        case FixedHomography():
            return _by_homography(track, camera)
        case FixedPose():
            return _by_fixed_pose(track, camera, terrain)
        case VehicleCamera() | DroneCamera():
            return place_from_carrier(track, camera, terrain)


def _by_homography(track: Track, camera: FixedHomography) -> Place | Unplaced:
    seen = track.observations
    contacts = contacts_of(seen, np.zeros(len(seen), np.bool_))
    sights, reasons = sights_by_homography(seen, contacts, camera)
    if not len(sights.rows):
        return why_not(contacts, reasons, [""] * len(seen))
    return _standing_place(sights, camera, "fixed_homography")


def _by_fixed_pose(track: Track, camera: FixedPose, terrain: Terrain | None) -> Place | Unplaced:
    seen = track.observations
    above = np.full(len(seen), camera.pitch_deg <= FROM_ABOVE_DEG)
    contacts = contacts_of(seen, above)
    views = fixed_view(camera).repeated(len(seen))
    bearings = bearings_of(seen, contacts, camera.lens, camera.sigmas.pixel_px)
    trust = trust_of(camera.sigmas, heading_deg=camera.sigmas.heading_deg, terrain=terrain)
    sights, reasons = sights_by_pose(views, bearings, trust, ~contacts.cut_off, terrain)
    if not len(sights.rows):
        return why_not(contacts, reasons, [""] * len(seen))
    return _standing_place(sights, camera, "fixed_ground")


def _standing_place(sights: Sights, camera: FixedPose | FixedHomography, method: str) -> Place:
    mean = average(sights)
    return make_place(
        sights.plane,
        mean.east_north_m,
        cov_own=mean.cov_m2,
        shift=np.eye(2) * camera.sigmas.position_m**2,
        lever=lever_of(mean.weights @ sights.arm_m[mean.rows]),
        sigma_heading_rad=0.0,
        range_m=float(mean.weights @ sights.range_m[mean.rows]),
        method=method,
        synthetic=camera.synthetic,
    )
