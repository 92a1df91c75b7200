"""A real RTSP server for tests and benchmarks, and streams whose pictures tell their own number.

The server is GStreamer's, run by the system's Python in a process of its own (`rtsp_server.py`), so it can be killed
and frozen like a camera. `tools/need_gstreamer.py` installs it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from numpy.typing import NDArray

SYSTEM_PYTHON: Final = "/usr/bin/python3"
_SCRIPT: Final = Path(__file__).with_name("rtsp_server.py")
_ENCODERS: Final = {"h264": "libx264", "hevc": "libx265"}
_BITS: Final = 16
"""The number of a picture is written into it as 16 fields, black or white, in two rows."""
START_S: Final = 20.0


@cache
def missing() -> str:
    """Why no server can be run here; "" when one can."""
    code = (
        "import gi; gi.require_version('Gst','1.0'); gi.require_version('GstApp','1.0');"
        "gi.require_version('GstRtspServer','1.0'); from gi.repository import Gst, GstRtspServer; Gst.init(None);"
        "names='appsrc h264parse h265parse rtph264pay rtph265pay'.split();"
        "import sys; sys.exit(' '.join(n for n in names if not Gst.ElementFactory.find(n)) or 0)"
    )
    if not Path(SYSTEM_PYTHON).exists():
        return f"needs GStreamer's RTSP server: no {SYSTEM_PYTHON}"
    done = subprocess.run([SYSTEM_PYTHON, "-c", code], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else "needs GStreamer's RTSP server: run tools/need_gstreamer.py"


def decoder_pids() -> set[int]:
    """Child processes of cameras that this process has started and not reaped."""
    found: set[int] = set()
    for thread in Path(f"/proc/{os.getpid()}/task").iterdir():
        # Threads and children may end while they are looked at.
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in (thread / "children").read_text().split():
                if b"edge.sources.live" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.add(int(child))
    return found


@dataclass(frozen=True, slots=True)
class Stream:
    """How numbered pictures are compressed.

    Attributes:
        frames: pictures in the file; the server plays it in a loop.
        key_every: pictures from one key frame to the next.
    """

    codec: str = "h264"
    width_px: int = 320
    height_px: int = 240
    rate: int = 25
    frames: int = 250
    key_every: int = 10


def numbered(stream: Stream, count: int) -> NDArray[np.uint8]:
    """Picture `count` of a stream, RGB uint8 (H, W, 3): its number in fields and a thing that moves."""
    image = np.full((stream.height_px, stream.width_px, 3), 96, np.uint8)
    cell_h, cell_w = stream.height_px // 4, stream.width_px // (_BITS // 2)
    for bit in range(_BITS):
        row, column = divmod(bit, _BITS // 2)
        value = 235 if count >> bit & 1 else 16
        image[row * cell_h : (row + 1) * cell_h, column * cell_w : (column + 1) * cell_w] = value
    left = count * 4 % (stream.width_px - cell_w)
    image[3 * cell_h :, left : left + cell_w] = (200, 40, 40)
    return image


def number_of(image: NDArray[np.uint8]) -> int:
    """The number written into a picture, BGR or RGB."""
    height_px, width_px = image.shape[:2]
    cell_h, cell_w = height_px // 4, width_px // (_BITS // 2)
    number = 0
    for bit in range(_BITS):
        row, column = divmod(bit, _BITS // 2)
        field = image[
            row * cell_h + cell_h // 4 : (row + 1) * cell_h - cell_h // 4,
            column * cell_w + cell_w // 4 : (column + 1) * cell_w - cell_w // 4,
        ]
        number |= int(field.mean() > 125) << bit
    return number


def write_numbered(path: Path, stream: Stream) -> Path:
    """Compress numbered pictures into a file for the server."""
    context = cast("Any", av.CodecContext.create(_ENCODERS[stream.codec], "w"))
    context.width, context.height, context.pix_fmt = stream.width_px, stream.height_px, "yuv420p"
    context.framerate, context.time_base = stream.rate, Fraction(1, stream.rate)
    fixed = f"keyint={stream.key_every}:min-keyint={stream.key_every}:scenecut=0:bframes=0:repeat-headers=1"
    context.options = (
        {"preset": "ultrafast", "tune": "zerolatency", "x264-params": f"{fixed}:threads=1"}
        if stream.codec == "h264"
        else {"preset": "ultrafast", "tune": "zerolatency", "x265-params": f"{fixed}:pools=1:log-level=none"}
    )
    units: list[bytes] = []
    for count in range(stream.frames):
        frame = av.VideoFrame.from_ndarray(numbered(stream, count), format="rgb24")
        frame.pts = count
        units += [bytes(packet) for packet in context.encode(frame)]
    units += [bytes(packet) for packet in context.encode(None)]
    return write_pictures(path, stream.codec, stream.rate, units)


def write_video(path: Path, video: Path) -> Path:
    """A video file (H.264 or H.265) as a file for the server, its pictures as they are."""
    with av.open(str(video)) as container:
        source = container.streams.video[0]
        codec, rate = source.codec_context.name, source.average_rate
        to_annex_b = BitStreamFilterContext(f"{codec}_mp4toannexb", source)
        units = [bytes(out) for packet in container.demux(source) if packet.size for out in to_annex_b.filter(packet)]
    return write_pictures(path, codec, float(rate or 25), units)


def write_pictures(path: Path, codec: str, rate: float, units: Iterable[bytes]) -> Path:
    """A file for the server: one line of JSON, then every access unit (Annex B) behind its length."""
    head = json.dumps({"codec": codec, "rate": rate}).encode() + b"\n"
    path.write_bytes(head + b"".join(struct.pack("!I", len(unit)) + unit for unit in units))
    return path


def read_pictures(path: Path) -> list[bytes]:
    """The access units of such a file."""
    rest, units = path.read_bytes().partition(b"\n")[2], list[bytes]()
    while rest:
        (length,) = struct.unpack_from("!I", rest)
        units.append(rest[4 : 4 + length])
        rest = rest[4 + length :]
    return units


class RtspServer:
    """A server on a loopback port of its own, ended with the block."""

    def __init__(self, pictures: Path, *, port: int = 0, credentials: str = "") -> None:
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, str(_SCRIPT), str(pictures), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            stdin, stdout = cast("Any", self._process.stdin), cast("Any", self._process.stdout)
            stdin.write(credentials + "\n")
            stdin.close()
            ready, _, _ = select.select([stdout], [], [], START_S)
            word, _, number = (stdout.readline() if ready else "").partition(" ")
            if word != "port":
                raise RuntimeError(f"the RTSP server did not start on port {port}")
            self.port = int(number)
        except BaseException:
            self.kill()
            raise

    @property
    def address(self) -> str:
        """Of its one stream."""
        return f"rtsp://127.0.0.1:{self.port}/street"

    def begun_s(self) -> float:
        """When the first picture of the newest pipeline was played, by `time.monotonic`; waits for a watcher."""
        word, _, seconds = cast("Any", self._process.stdout).readline().partition(" ")
        if word != "begun":
            raise RuntimeError("the RTSP server has ended")
        return float(seconds)

    def freeze(self) -> None:
        """Stop it where it is; its connections stay open and silent."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
