"""Whether anything answers at a camera's address."""

from __future__ import annotations

import socket

import pytest

from edge.sources.live.address import parse_address
from edge.sources.live.reach import unreached


def test_somebody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = parse_address(f"rtsp://127.0.0.1:{server.getsockname()[1]}/s")
        assert unreached(address, 1.0) == ""
    assert unreached(address, 1.0) == "nothing listens at the camera's port"


def test_a_full_queue_is_not_waited_for_without_end():
    # A backlog of one that nobody takes from: further connections hang.
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = parse_address(f"rtsp://127.0.0.1:{server.getsockname()[1]}/s")
        waiting = [socket.socket() for _ in range(4)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(server.getsockname())
            assert unreached(address, 0.2) == "the camera's host does not answer"
        finally:
            for each in waiting:
                each.close()


@pytest.mark.parametrize(
    ("address", "trouble"),
    [
        ("rtsp://no-such-camera.invalid/s", "the name of the camera's host is not known"),
        ("/dev/video99", "no such device: is the camera plugged in?"),
        # The host's own broadcast address takes no connections.
        ("rtsp://255.255.255.255/s", "the camera's host cannot be reached (Network is unreachable)"),
    ],
)
def test_nothing_there(address: str, trouble: str):
    assert unreached(parse_address(address), 1.0) == trouble
