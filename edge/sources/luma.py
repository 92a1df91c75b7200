"""The brightness of a decoded picture, without converting it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_PLANAR: Final = ("yuv4", "yuvj4", "nv12", "nv21", "gray")
_PACKED: Final = {"yuyv422": 0, "yvyu422": 0, "uyvy422": 1}
"""Where in each pair of bytes the brightness stands."""


def luma_of(picture: VideoFrame) -> NDArray[np.uint8]:
    """Brightness, uint8 (H, W): a view into the decoder's own buffer where the format has 8-bit luma bytes."""
    name, plane = picture.format.name, picture.planes[0]
    if name.startswith(_PLANAR) and picture.format.components[0].bits == 8:
        return _rows(plane)[:, : picture.width]
    if name in _PACKED:
        return _rows(plane)[:, _PACKED[name] : 2 * picture.width : 2]
    return cast("NDArray[np.uint8]", picture.reformat(format="gray").to_ndarray())


def _rows(plane: object) -> NDArray[np.uint8]:
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[attr-defined, arg-type]
