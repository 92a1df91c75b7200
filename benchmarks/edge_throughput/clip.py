"""The clip that everybody is measured on: 1080p25 H.264 of real street pictures, made once.

First the drive past parked cars (1920x1080, filmed from a moving vehicle), taken at 25 pictures a second; then the
street shots of the demo's montage (640x272), their middle cut to 16:9 and scaled up. No picture is shown twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from benchmarks.paths import ROOT, SHARED_DATA
from edge.demo import find_clip

WIDTH_PX, HEIGHT_PX, FPS = 1920, 1080, 25
MONTAGE_PICTURES = 108
"""With the drive's 142 pictures these make ten seconds."""
PATH = ROOT / "benchmarks" / "out" / "edge-throughput-1080p25.mp4"
DRIVE = SHARED_DATA / "video" / "mapillary_sample-5s.mp4"


def street_clip() -> Path:
    """The clip, made on the first call (half a minute) and kept under benchmarks/out."""
    if not PATH.is_file():
        PATH.parent.mkdir(parents=True, exist_ok=True)
        part = PATH.with_suffix(".part.mp4")
        _write(part)
        part.rename(PATH)
    return PATH


def _write(path: Path) -> None:
    with av.open(str(path), "w") as out:
        # As a camera sends it: no B pictures, a key picture every two seconds, some 6 Mbit/s.
        options = {"preset": "veryfast", "crf": "23", "bf": "0", "g": str(2 * FPS)}
        stream = out.add_stream("libx264", rate=FPS, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for number, picture in enumerate(_pictures()):
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))


def _pictures() -> Iterator[VideoFrame]:
    with av.open(str(DRIVE)) as drive:
        shown = -1
        for picture in drive.decode(video=0):
            assert picture.time is not None
            # 30 a second to 25: the first picture of each 25th of a second.
            if int(picture.time * FPS + 1e-6) != shown:
                shown = int(picture.time * FPS + 1e-6)
                yield picture.reformat(WIDTH_PX, HEIGHT_PX, "yuv420p")
    with av.open(str(find_clip())) as montage:
        for number, picture in enumerate(montage.decode(video=0)):
            if number == MONTAGE_PICTURES:
                return
            yield _middle(picture)


def _middle(picture: VideoFrame) -> VideoFrame:
    """The middle of a wide picture in 16:9, scaled up."""
    image = picture.to_ndarray(format="bgr24")
    width_px = 2 * (image.shape[0] * WIDTH_PX // HEIGHT_PX // 2)
    left_px = (image.shape[1] - width_px) // 2
    cut = VideoFrame.from_ndarray(image[:, left_px : left_px + width_px].copy(), format="bgr24")
    return cut.reformat(WIDTH_PX, HEIGHT_PX, "yuv420p", interpolation="BICUBIC")
