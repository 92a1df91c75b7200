"""A decoded picture as BGR bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

# From 17 on, PyAV would take as many threads as there are processors.
_ONE_THREAD: Final[dict[str, Any]] = {"threads": 1} if int(av.__version__.partition(".")[0]) >= 17 else {}


class ToBgr:
    """Converts pictures of one camera; keeps the scaler's tables between them."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, picture: VideoFrame) -> NDArray[np.uint8]:
        """BGR uint8 (H, W, 3), contiguous."""
        plane = self._reformatter.reformat(picture, format="bgr24", **_ONE_THREAD).planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(picture.height, plane.line_size)  # type: ignore[arg-type]
        return np.ascontiguousarray(rows[:, : 3 * picture.width]).reshape(picture.height, picture.width, 3)
