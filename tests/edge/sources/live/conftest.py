"""A real RTSP server and the streams it plays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks import rtsp
from edge.sources.live.picture import CameraState, CameraStatus, LiveCamera


class SteadyTime:
    """UTC that goes on from a known moment."""

    told_by = "gnss"
    steps = 0

    def __init__(self) -> None:
        self.begun_s = time.monotonic()
        self.begun_at = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)

    def at(self, monotonic_s: float) -> datetime:
        return self.begun_at + timedelta(seconds=monotonic_s - self.begun_s)

    def now(self) -> datetime:
        return self.at(time.monotonic())

    def heard_gnss(self, utc: datetime, monotonic_s: float) -> None:
        raise AssertionError("a camera tells nobody the time")

    def heard_server(self, offset_s: float, error_s: float) -> None:
        raise AssertionError("a camera tells nobody the time")


@pytest.fixture
def true_time() -> SteadyTime:
    return SteadyTime()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Callable[[rtsp.Stream], Path]:
    """Compressed numbered pictures; each kind is made once."""
    folder, made = tmp_path_factory.mktemp("pictures"), dict[rtsp.Stream, Path]()

    def make(stream: rtsp.Stream) -> Path:
        if stream not in made:
            made[stream] = rtsp.write_numbered(folder / f"{len(made)}.pictures", stream)
        return made[stream]

    return make


@pytest.fixture
def serve() -> Iterator[Callable[..., rtsp.RtspServer]]:
    """Start RTSP servers that end with the test."""
    if reason := rtsp.missing():
        pytest.skip(reason)
    servers: list[rtsp.RtspServer] = []

    def start(path: Path, *, port: int = 0, credentials: str = "") -> rtsp.RtspServer:
        servers.append(rtsp.RtspServer(path, port=port, credentials=credentials))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def wait_for(camera: LiveCamera, state: CameraState, within_s: float) -> CameraStatus:
    """The camera's status when it reaches a state."""
    ends_s = time.monotonic() + within_s
    while (status := camera.status()).state is not state:
        assert time.monotonic() < ends_s, f"not {state} within {within_s} s: {status}"
        time.sleep(0.01)
    return status
