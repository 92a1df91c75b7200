"""Small real video files, written by PyAV."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def write_clip(
    path: Path,
    *,
    frames: int = 30,
    size: tuple[int, int] = (320, 240),
    fps: int = 10,
    container: str | None = None,
    codec: str = "libx264",
    created: str | None = None,
    rotation_deg: int = 0,
    stamps: Iterable[int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A clip with a red left quarter, a blue top and a white bar that moves; `stamps` are milliseconds per frame."""
    width, height = size
    with av.open(str(path), "w", format=container, options=options or {}) as out:
        if created:
            out.metadata["creation_time"] = created
        stream = out.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", 10
        if stamps is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        times = list(stamps) if stamps is not None else None
        for i in range(frames):
            image = np.zeros((height, width, 3), np.uint8)
            image[:, : width // 4] = (0, 0, 255)
            image[:20] = (255, 0, 0)
            image[:, (i * 5) % width] = 255
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            if times is not None:
                picture.pts, picture.time_base = times[i], Fraction(1, 1000)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


def write_pictures(path: Path, images: Iterable[NDArray[np.uint8]], *, fps: int, key_every: int) -> Path:
    """BGR pictures of one size as H.264, as a camera sends it: no B pictures."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=fps, options={"g": str(key_every), "bf": "0"})
        for number, image in enumerate(images):
            if number == 0:
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts, picture.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


def cut(path: Path, to: Path, share: float) -> Path:
    """The first part of a file's bytes."""
    data = path.read_bytes()
    to.write_bytes(data[: int(len(data) * share)])
    return to
