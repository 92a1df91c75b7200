"""A real gpsd fed with a real receiver's log, and peers that are none."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.gnss import GpsdAddress


@contextmanager
def peer(says: bytes, *, then_wait: bool = False) -> Iterator[GpsdAddress]:
    """Something that listens on a free port, says its words to the first caller, and hangs up or holds the line."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            wire, _ = server.accept()
            with wire:
                wire.sendall(says)
                if then_wait:
                    done.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield GpsdAddress("127.0.0.1", server.getsockname()[1])
        finally:
            done.set()
            thread.join()


@contextmanager
def running_gpsd(log: Path) -> Iterator[GpsdAddress]:
    """A real gpsd on a free loopback port, with a pseudo terminal in place of the receiver."""
    program = shutil.which("gpsd") or shutil.which("gpsd", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("needs gpsd: apt-get install gpsd")
    master, slave = os.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    Path(name).chmod(0o666)  # gpsd gives up root's rights before it opens the device
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    daemon = subprocess.Popen([program, "-N", "-n", "-b", "-S", str(port), name], stderr=subprocess.DEVNULL)
    stop = threading.Event()

    def feed() -> None:
        for line in log.read_bytes().splitlines(keepends=True):
            if stop.is_set():
                return
            if line.startswith(b"$"):
                os.write(master, line.rstrip() + b"\r\n")
                time.sleep(0.01)

    thread = threading.Thread(target=feed)
    try:
        _wait_for(port, daemon)
        thread.start()
        yield GpsdAddress("127.0.0.1", port)
    finally:
        stop.set()
        daemon.terminate()
        daemon.wait(10)
        if thread.ident is not None:
            thread.join(10)
        os.close(master)
        os.close(slave)


def _wait_for(port: int, daemon: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        if daemon.poll() is not None:
            pytest.skip(f"gpsd does not run here (exit code {daemon.returncode})")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.skip("gpsd did not listen within 5 s")
