"""Cameras that die, hang, or come back changed: a real RTSP server killed, frozen, restarted with another size.

Each time the box's camera must notice, replace its decoder, and hand out a new, whole picture: told by the number that
is written into every picture. `back_s` is counted from the moment the server can play again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from benchmarks import rtsp
from benchmarks.fault_table.row import Row, RowResult
from detector.frame import Frame
from edge.box_time import BoxTime
from edge.sources.live.camera import open_camera
from edge.sources.live.picture import CameraState, LiveCamera

_STALL_S: Final = 0.5
"""Shorter than the box's 4 s, so that fifty freezes take a minute; what is waited for is the same."""
_LIMIT_S: Final = 30.0
_STREAM: Final = rtsp.Stream(width_px=160, height_px=128, key_every=5, frames=100)
_LARGER: Final = replace(_STREAM, width_px=240, height_px=176)


@dataclass
class _Bench:
    """One camera and the server it watches."""

    camera: LiveCamera
    server: rtsp.RtspServer
    streams: dict[rtsp.Stream, Path]
    stream: rtsp.Stream = _STREAM
    seq: int = -1
    wrong: list[str] = field(default_factory=list)

    def picture(self) -> Frame | None:
        """The next picture, checked."""
        frame = self.camera.newest(timeout_s=_LIMIT_S)
        if frame is None:
            self.wrong.append(f"no picture within {_LIMIT_S:g} s: {self.camera.status()}")
            return None
        if frame.seq <= self.seq:
            self.wrong.append(f"picture {frame.seq} after {self.seq}")
        self.seq = frame.seq
        size_px = (frame.image.shape[1], frame.image.shape[0])
        if size_px != (self.stream.width_px, self.stream.height_px):
            self.wrong.append(f"a picture of {size_px[0]} x {size_px[1]} px from a camera of {self.stream.width_px}")
        elif rtsp.number_of(frame.image) >= self.stream.frames:
            self.wrong.append(f"picture {frame.seq} cannot be read: smeared")
        return frame

    def waits(self, *states: CameraState) -> float:
        """Until the camera is in one of these states; seconds it took."""
        begun_s = time.monotonic()
        while self.camera.status().state not in states:
            if time.monotonic() - begun_s > _LIMIT_S:
                self.wrong.append(f"never {' or '.join(states)}: {self.camera.status()}")
                break
            time.sleep(0.005)
        return time.monotonic() - begun_s

    def restarts(self, stream: rtsp.Stream) -> None:
        """The server comes back at its old address."""
        self.server = rtsp.RtspServer(self.streams[stream], port=self.server.port)
        self.stream = stream


def _killed(bench: _Bench) -> float:
    bench.server.kill()
    bench.waits(CameraState.AWAY)
    bench.restarts(bench.stream)
    return time.monotonic()


def _frozen(bench: _Bench) -> float:
    bench.server.freeze()
    noticed_s = bench.waits(CameraState.STALLED)
    if noticed_s > _STALL_S + 2.0:
        bench.wrong.append(f"a freeze was noticed after {noticed_s:.1f} s")
    bench.server.thaw()
    return time.monotonic()


def _resized(bench: _Bench) -> float:
    bench.server.kill()
    bench.waits(CameraState.AWAY)
    bench.restarts(_LARGER if bench.stream == _STREAM else _STREAM)
    return time.monotonic()


def _run(fault: Callable[[_Bench], float], times: int, seed: int, folder: Path) -> RowResult:
    if reason := rtsp.missing():
        return RowResult(times=0, note=reason)
    chance, longest_s = random.Random(seed), 0.0
    with _bench(folder) as bench:
        for done in range(times):
            if bench.picture() is None:
                return RowResult(times=done, back_s=longest_s, wrong=tuple(bench.wrong))
            # Some of them before the camera counts as good again: then it is tried more slowly.
            time.sleep(chance.uniform(0.0, 3.0))
            able_s = fault(bench)
            bench.waits(CameraState.LIVE)
            bench.picture()
            longest_s = max(longest_s, time.monotonic() - able_s)
            if len(decoders := rtsp.decoder_pids()) != 1:
                bench.wrong.append(f"{len(decoders)} decoders for one camera")
    if left := rtsp.decoder_pids():
        bench.wrong.append(f"{len(left)} decoders are left after the camera was closed")
    return RowResult(times=times, back_s=longest_s, wrong=tuple(bench.wrong))


@contextmanager
def _bench(folder: Path) -> Iterator[_Bench]:
    folder.mkdir(parents=True, exist_ok=True)
    streams = {s: rtsp.write_numbered(folder / f"{s.width_px}.pictures", s) for s in (_STREAM, _LARGER)}
    server = rtsp.RtspServer(streams[_STREAM])
    camera = open_camera(server.address, "front", credentials=None, time=BoxTime(), stall_s=_STALL_S)
    bench = _Bench(camera, server, streams)
    try:
        yield bench
    finally:
        camera.close()
        bench.server.kill()


ROWS: Final[tuple[Row, ...]] = (
    Row("RTSP server killed", lambda times, seed, folder: _run(_killed, times, seed, folder)),
    Row("RTSP server frozen", lambda times, seed, folder: _run(_frozen, times, seed, folder)),
    Row("RTSP server back with another size", lambda times, seed, folder: _run(_resized, times, seed, folder)),
)
