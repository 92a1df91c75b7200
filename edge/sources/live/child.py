"""The process that decodes one camera: ``python -m edge.sources.live.child``, started and killed by its parent.

It decodes every picture, tells of each in a few bytes, and converts to BGR only the one it is asked for. Everything
that comes over the network is read here and nowhere else, so a stream that breaks the decoder breaks only this. It
never outlives its parent: the kernel kills it when the parent's thread ends, and it leaves when its orders end.

Orders come on standard input (one line of JSON with the camera and its credentials, then four bytes for every picture
that is wanted), messages leave on standard output, pixels in shared memory whose descriptor is named in the first line.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from edge.sources.live.address import LiveAddress, LiveKind
from edge.sources.live.messages import (
    ORDER_BYTES,
    Message,
    PictureMessage,
    PixelsMessage,
    TroubleMessage,
    decode_order,
    encode,
)

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from edge.sources.live.opening import Opened

_PR_SET_PDEATHSIG: Final = 1
_MEMORY_BYTES_MAX: Final = 1536 * 1024**2
"""Address space of the child: what a stream of the largest allowed pictures needs, and no more."""
_HELD_BYTES_MAX: Final = 7 * 1024**2
_HELD_MAX: Final = 4
"""Decoded pictures that are held for a parent who asks a little late: two of 1080p, four of 720p and smaller."""


@dataclass(frozen=True, slots=True)
class Start:
    """The first line of the orders. `credentials` is ``user:password``; `memory_fd` is where pixels go."""

    address: LiveAddress
    credentials: str | None = field(repr=False)
    parent_pid: int
    memory_fd: int
    open_s: float
    read_s: float

    def to_line(self) -> bytes:
        """As JSON, one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Start:
        """The other way round."""
        data: dict[str, Any] = json.loads(line)
        address = data.pop("address")
        options = tuple((str(name), str(value)) for name, value in address["options"])
        kind = LiveKind(address["kind"])
        return cls(address=LiveAddress(kind, address["url"], options, address["loop"]), **data)


class _Outlet:
    """Messages to the parent, from two threads; without a parent the process ends."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        data = memoryview(encode(message))
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except BrokenPipeError:
                os._exit(0)


class _Held:
    """The last decoded pictures, for a parent who asks a little late. Thread-safe."""

    def __init__(self) -> None:
        self._pictures: deque[tuple[int, VideoFrame]] = deque()
        self._lock = threading.Lock()

    def put(self, seq: int, picture: VideoFrame) -> None:
        fit = max(1, min(_HELD_MAX, _HELD_BYTES_MAX // max(1, picture.width * picture.height * 3 // 2)))
        with self._lock:
            self._pictures.append((seq, picture))
            while len(self._pictures) > fit:
                self._pictures.popleft()

    def get(self, seq: int) -> tuple[int, VideoFrame] | None:
        """Picture `seq`, or the first after it that is still held."""
        with self._lock:
            return next((held for held in self._pictures if held[0] >= seq), None)


class _Pixels:
    """Converts wanted pictures into the shared memory; its thread also notices that the parent is gone."""

    def __init__(self, orders: BinaryIO, memory_fd: int, held: _Held, outlet: _Outlet) -> None:
        from edge.sources.live.convert import ToBgr

        self._orders, self._fd, self._held, self._outlet = orders, memory_fd, held, outlet
        self._to_bgr = ToBgr()

    def serve(self) -> None:
        """Until the parent leaves."""
        while len(order := self._orders.read(ORDER_BYTES)) == ORDER_BYTES:
            seq = decode_order(order)
            self._outlet.send(self._put(seq))
        os._exit(0)

    def _put(self, seq: int) -> PixelsMessage:
        held = self._held.get(seq)
        if held is None:
            return PixelsMessage(seq, 0, 0)
        seq, picture = held
        data = self._to_bgr(picture).data.cast("B")
        if os.fstat(self._fd).st_size != len(data):
            os.ftruncate(self._fd, len(data))
        done = 0
        while done < len(data):
            done += os.pwrite(self._fd, data[done:], done)
        return PixelsMessage(seq, picture.width, picture.height)


class _Camera:
    """Reads one stream from beginning to end."""

    def __init__(self, opened: Opened, held: _Held, outlet: _Outlet) -> None:
        from edge.sources.live.forwarding import Forwarder
        from edge.sources.live.pacing import Arrivals, Skipping
        from edge.sources.live.whole import WholePictures
        from edge.sources.motion import MotionMeter

        self._opened, self._held, self._outlet = opened, held, outlet
        self._forwarder = Forwarder(opened.stream)
        self._whole = WholePictures()
        self._arrivals, self._skipping = Arrivals(), Skipping()
        self._motion = MotionMeter()
        self._seq = 0
        self._arrived_s: dict[int, float] = {}

    def read(self, packets: Any) -> None:
        """Decode every packet, forward it, tell of its pictures."""
        for packet in packets:
            now_s = time.monotonic()
            stamp = packet.pts if packet.dts is None else packet.dts
            stamp_s = None if stamp is None else float(stamp * packet.time_base)
            arrived_s = self._arrivals.undisturbed_s(stamp_s, now_s)
            for message in self._forwarder.messages(packet, arrived_s):
                self._outlet.send(message)
            if self._skipping.skips(behind_s=now_s - arrived_s, now_s=now_s, is_key=packet.is_keyframe):
                continue
            self._note_arrival(packet.pts, arrived_s)
            for picture in self._whole.decode(packet):
                self._tell(picture, arrived_s)

    def _tell(self, picture: VideoFrame, now_s: float) -> None:
        from edge.sources.live.opening import check_size
        from edge.sources.luma import luma_of

        check_size(picture.width, picture.height)
        arrived_s = now_s if picture.pts is None else self._arrived_s.pop(picture.pts, now_s)
        motion = self._motion.update(luma_of(picture), arrived_s)
        self._held.put(self._seq, picture)
        self._outlet.send(PictureMessage(self._seq, arrived_s, motion, picture.width, picture.height))
        self._seq += 1

    def _note_arrival(self, pts: int | None, arrived_s: float) -> None:
        """A picture may leave the decoder some packets later; remember when its own packet came."""
        if pts is None:
            return
        if len(self._arrived_s) > 64:
            self._arrived_s.clear()
        self._arrived_s[pts] = arrived_s


def main() -> int:
    """Serve one camera until it ends, the parent leaves, or something breaks."""
    orders, outlet = sys.stdin.buffer, _Outlet(_private_stdout())
    _tell_of_faults(outlet)
    _bind_to_parent()
    start = Start.from_line(orders.readline())
    if os.getppid() != start.parent_pid:
        return 0  # It died before the kernel knew that we hang on it.
    from edge.sources.live.opening import ChildError, open_stream, packets, played, why

    held = _Held()
    threading.Thread(target=_Pixels(orders, start.memory_fd, held, outlet).serve, name="pixels", daemon=True).start()
    try:
        opened = open_stream(start.address, start.credentials, open_s=start.open_s, read_s=start.read_s)
        source = played(start.address, opened) if start.address.kind is LiveKind.FILE else packets(opened)
        _Camera(opened, held, outlet).read(source)
        trouble = TroubleMessage("the camera ended the stream")
    except ChildError as error:
        trouble = TroubleMessage(str(error), error.refused)
    except (OSError, MemoryError, ValueError) as error:
        trouble = TroubleMessage(why(error))
    outlet.send(trouble)
    return 1


def _tell_of_faults(outlet: _Outlet) -> None:
    """A fault of our own, in either thread, ends the process, and the parent learns where it was. Never its text."""

    def tell(kind: type[BaseException], error: BaseException | None, at: TracebackType | None) -> None:
        del error
        where = traceback.extract_tb(at)[-1:]
        places = "".join(f" in {Path(place.filename).name}:{place.lineno}" for place in where)
        outlet.send(TroubleMessage(f"its decoder has a fault ({kind.__name__}{places})"))
        os._exit(os.EX_SOFTWARE)

    sys.excepthook = tell
    threading.excepthook = lambda args: tell(args.exc_type, args.exc_value, args.exc_traceback)


def _private_stdout() -> int:
    """Messages get the descriptor of standard output; what a library prints goes nowhere."""
    fd = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return fd


def _bind_to_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent decides when we end; Ctrl-C in its terminal reaches the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # No core dump: it would hold the password.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # When memory runs out, the kernel takes this process before the box: it is replaced within a second.
    Path("/proc/self/oom_score_adj").write_text("500")
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES_MAX, _MEMORY_BYTES_MAX))


if __name__ == "__main__":
    code = main()
    # At once: the other thread waits for orders, and there is nothing to tidy up.
    os._exit(code)
