"""The calibration as a picture: where the camera's old and new mounting put horizon, straight ahead, and the road.

With the right mounting the horizon lies where the street's lines meet, the cross marks the point that everything
streams away from, and the arcs lie on the road 5, 10, 20 and 30 m ahead of the camera.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.frame import Image
from detector.geo.camera import VehicleCamera, rotation

Array = NDArray[np.float64]

ARCS_M: Final = (5.0, 10.0, 20.0, 30.0)
_WIDTH_PX = 1280
_BEFORE, _AFTER = (60, 120, 255), (90, 220, 60)
_ARC_DEG = 30.0


def draw_mounting(picture: Image, before: VehicleCamera, after: VehicleCamera, notes: tuple[str, str]) -> Image:
    """A picture of the drive with both mountings drawn on it.

    Args:
        picture: BGR, of the cameras' shape.
        before, after: the camera as it was in the site, and as measured.
        notes: a line of text for either.
    """
    scale = _WIDTH_PX / picture.shape[1]
    canvas = cv2.resize(
        picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    # Darker, so that the lines stand out.
    canvas = np.asarray(cv2.convertScaleAbs(canvas, alpha=0.75), np.uint8)
    for camera, colour in ((before, _BEFORE), (after, _AFTER)):
        _draw(canvas, camera, colour, labels=camera is after)
    for row, (note, colour) in enumerate(zip(notes, (_BEFORE, _AFTER), strict=True)):
        at = (14, 30 + 28 * row)
        (width, height), _ = cv2.getTextSize(note, cv2.FONT_HERSHEY_SIMPLEX, 0.65, 1)
        cv2.rectangle(canvas, (at[0] - 6, at[1] - height - 5), (at[0] + width + 6, at[1] + 7), (30, 30, 30), -1)
        cv2.putText(canvas, note, at, cv2.FONT_HERSHEY_SIMPLEX, 0.65, colour, 1, cv2.LINE_AA)
    return np.asarray(canvas, np.uint8)


def _draw(canvas: Image, camera: VehicleCamera, colour: tuple[int, int, int], *, labels: bool) -> None:
    lens = camera.lens.for_size(canvas.shape[1], canvas.shape[0])
    if lens is None:
        return
    to_camera = rotation(camera.yaw_deg, camera.pitch_deg, camera.roll_deg)[0]

    def pixels(vehicle_axes: Array) -> Array:
        return lens.pixels(vehicle_axes @ to_camera)

    across = np.radians(np.linspace(camera.yaw_deg - 80, camera.yaw_deg + 80, 81))
    horizon = np.column_stack((np.sin(across), np.cos(across), np.zeros(len(across))))
    _line(canvas, pixels(horizon), colour, 2)
    ahead = pixels(np.array([[0.0, 1.0, 0.0]]))[0]
    if np.isfinite(ahead).all():
        cv2.drawMarker(canvas, _whole(ahead), colour, cv2.MARKER_CROSS, 34, 3, cv2.LINE_AA)
    sides = np.radians(np.linspace(-_ARC_DEG, _ARC_DEG, 41))
    for arc_m in ARCS_M:
        road = np.column_stack((arc_m * np.sin(sides), arc_m * np.cos(sides), np.full(len(sides), -camera.height_m)))
        arc = pixels(road)
        _line(canvas, arc, colour, 2)
        if labels:
            _label(canvas, f"{arc_m:g} m", arc, colour)


def _line(canvas: Image, points: Array, colour: tuple[int, int, int], thick: int) -> None:
    """A line through the points that lie in or near the picture; OpenCV cannot draw to far away."""
    height, width = canvas.shape[:2]
    good = np.isfinite(points).all(axis=1) & (np.abs(points) < 8 * max(width, height)).all(axis=1)
    for a, b, drawn in zip(points[:-1], points[1:], good[:-1] & good[1:], strict=True):
        if drawn:
            cv2.line(canvas, _whole(a), _whole(b), colour, thick, cv2.LINE_AA)


def _label(canvas: Image, text: str, arc: Array, colour: tuple[int, int, int]) -> None:
    with np.errstate(invalid="ignore"):
        inside = np.flatnonzero(((arc > 10) & (arc < np.array(canvas.shape[1::-1]) - 60)).all(axis=1))
    if len(inside):
        at = _whole(arc[inside[-1]] + np.array([8.0, 5.0]))
        for ink, thick in (((30, 30, 30), 4), (colour, 1)):
            cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, ink, thick, cv2.LINE_AA)


def _whole(point: Array) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
