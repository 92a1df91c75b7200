"""Where points of the street appear in the picture: the forward model that `localise` inverts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detector.frame import Fix
from detector.geo.camera import Camera, DroneCamera, FixedHomography, FixedPose, image_px
from detector.geo.plane import LocalPlane
from detector.geo.view import PoseCamera, Views, fixed_view, moving_views

Array = NDArray[np.float64]


def pixel_of(
    camera: Camera,
    fix: Fix | None,
    lon_deg: float,
    lat_deg: float,
    height_m: float = 0.0,
    frame_px: tuple[int, int] | None = None,
) -> tuple[float, float] | None:
    """The pixel (u, v) at which a camera sees a point; `None` where `pixels_of` has NaN."""
    u, v = pixels_of(camera, fix, (lon_deg, lat_deg), height_m, frame_px)[0].tolist()
    return (u, v) if u == u else None


def pixels_of(
    camera: Camera,
    fix: Fix | None,
    lon_lat_deg: ArrayLike,
    height_m: ArrayLike = 0.0,
    frame_px: tuple[int, int] | None = None,
) -> Array:
    """The pixels (N, 2: u, v) at which a camera sees points.

    A pixel may lie outside the picture; the caller knows how large a thing is and what of it shows.

    Args:
        fix: where the carrier was; unused for a standing camera.
        lon_lat_deg: (N, 2) or (2,), WGS-84.
        height_m: (N,) or one number, above the ground plane under the camera.
        frame_px: width and height of the picture; `None` for the size the camera was calibrated for.

    Returns:
        NaN for a point behind the camera (or where the lens's distortion has no answer), for a carried camera
        without fix, heading or (drone) height, for a picture of another shape than the camera's, and for a point off
        the ground of a camera that knows only its ground (homography).
    """
    points = np.atleast_2d(np.asarray(lon_lat_deg, np.float64))
    heights = np.broadcast_to(np.asarray(height_m, np.float64), (len(points),))
    if isinstance(camera, FixedHomography):
        return _on_marked_ground(camera, points, heights, frame_px)
    views = _view(camera, fix)
    lens = camera.lens.for_size(*(frame_px or image_px(camera)))
    if views is None or lens is None:
        return np.full((len(points), 2), np.nan)
    street = np.column_stack((views.plane.east_north_m(points), heights))
    return lens.pixels(views.to_camera(street))


def _view(camera: PoseCamera, fix: Fix | None) -> Views | None:
    if isinstance(camera, FixedPose):
        return fixed_view(camera)
    if fix is None or fix.heading_deg is None:
        return None
    if isinstance(camera, DroneCamera) and fix.above_ground_m is None:
        return None
    return moving_views(camera, [fix], LocalPlane(fix.lon_deg, fix.lat_deg))[0]


def _on_marked_ground(
    camera: FixedHomography, points: Array, heights: Array, frame_px: tuple[int, int] | None
) -> Array:
    """Through the inverse homography; below its horizon the third row has one sign, that of the lower edge."""
    width_px, height_px = frame_px or (camera.width_px, camera.height_px)
    ground = LocalPlane(camera.lon_deg, camera.lat_deg).east_north_m(points)
    matrix = np.array(camera.matrix)
    u, v, w = np.linalg.solve(matrix, np.column_stack((ground, np.ones(len(ground)))).T)
    below = float(matrix[2] @ np.array([camera.width_px / 2.0, camera.height_px - 1.0, 1.0]))
    # The point is H (u/w, v/w, 1) w: its depth is 1/w, and must have the sign of the ground's side.
    w = np.where((np.abs(w) > 1e-12) & (w * below > 0) & (heights == 0.0), w, np.nan)
    return np.column_stack((u / w * (width_px / camera.width_px), v / w * (height_px / camera.height_px)))
