"""The parent's end of a camera's child process: start, listen, ask, kill."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, cast

import numpy as np
from pydantic import SecretStr

from detector.frame import Image
from edge.sources.live.address import LiveAddress
from edge.sources.live.child import Start
from edge.sources.live.messages import Message, MessageError, MessageReader, encode_order
from edge.sources.live.patience import Patience

_ROOT: Final = Path(__file__).resolve().parents[3]
_READ_BYTES: Final = 1024**2
_KEPT_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "HOME", "TMPDIR")

_SMALL: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}
"""What keeps a child small: no threads of its libraries' own, and no freed memory held back."""


def child_command(module: str) -> list[str]:
    """Command line of a child module: this interpreter, without the working folder on its path."""
    return [sys.executable, "-P", "-m", module]


def child_environment() -> dict[str, str]:
    """Little: what the parent's environment holds (keys, proxies) is no business of a process that reads strangers."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {**kept, "PYTHONPATH": str(_ROOT), **_SMALL}


class DecoderProcess:
    """One child. Start, listen and end it from one thread: it dies with the thread that started it."""

    def __init__(self, address: LiveAddress, credentials: SecretStr | None, patience: Patience) -> None:
        self._memory_fd = os.memfd_create("picture", os.MFD_CLOEXEC)
        self._reader = MessageReader()
        self._ended = False
        try:
            self._process = subprocess.Popen(
                child_command("edge.sources.live.child"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(self._memory_fd,),
                env=child_environment(),
                cwd="/",
                bufsize=0,
            )
        except OSError:
            os.close(self._memory_fd)
            raise
        start = Start(
            address=address,
            credentials=None if credentials is None else credentials.get_secret_value(),
            parent_pid=os.getpid(),
            memory_fd=self._memory_fd,
            # A little longer than the parent waits: the parent decides, these only end a child nobody watches.
            open_s=patience.first_s + 1.0,
            read_s=patience.stall_s + 1.0,
        )
        self._send(start.to_line())

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._process.pid

    def messages(self, timeout_s: float, wake_fd: int) -> Iterator[Message] | None:
        """What the child has said, waiting for it; nothing when `wake_fd` is readable first; `None` after its end.

        Raises:
            MessageError: it talks nonsense.
        """
        out = self._out.fileno()
        poll = select.poll()
        poll.register(out, select.POLLIN)
        poll.register(wake_fd, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(max(0.0, timeout_s) * 1000.0)}
        if out not in ready:
            return iter(())
        data = os.read(out, _READ_BYTES)
        self._ended = not data
        return self._reader.feed(data) if data else None

    def ask(self, seq: int) -> None:
        """Ask for the pixels of a picture; `PixelsMessage` answers. May be called from another thread."""
        self._send(encode_order(seq))

    def pixels(self, width_px: int, height_px: int) -> Image:
        """Copy the picture out of the shared memory, BGR uint8 (H, W, 3); before the next is asked for.

        Read, never mapped: a child gone wrong could cut the memory short under a mapping, which would kill the parent.

        Raises:
            MessageError: it is not there.
        """
        image = np.empty((height_px, width_px, 3), np.uint8)
        view, done = image.data.cast("B"), 0
        while done < len(view):
            got = os.preadv(self._memory_fd, [view[done:]], done)
            if got == 0:
                raise MessageError("a picture that is not in the memory")
            done += got
        return image

    def end(self, patience: Patience) -> str:
        """Kill it, wait for it, give everything back; the name of the signal that it died of by itself, or ""."""
        if self._ended:
            # Its messages ended first: let it go, to learn how.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience.leave_s)
        died = self._process.poll()
        self._process.kill()
        # One that is stuck in the kernel (a driver) is reaped when the next child is started.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience.leave_s)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        os.close(self._memory_fd)
        return signal.Signals(-died).name if died is not None and died < 0 else ""

    @property
    def _out(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdout)

    def _send(self, data: bytes) -> None:
        pipe = cast("IO[bytes]", self._process.stdin)
        try:
            pipe.write(data)
        except BrokenPipeError:
            # It has died; the listener notices the end of its messages.
            return
