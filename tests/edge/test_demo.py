"""What stands in the way of a demo is named; the demo itself runs as `make demo`."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from detector.errors import InputError
from edge import demo


@pytest.mark.parametrize("remembered", [False, True])
def test_port_of_another_program_is_not_taken_for_the_demos_own(tmp_path: Path, remembered: bool) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port: int = other.getsockname()[1]
        if remembered:
            (tmp_path / "port").write_text(str(port))
        message = f"port {port} cannot be used: Address already in use. .* give another --port"
        with pytest.raises(InputError, match=message):
            demo._choose_port(0 if remembered else port, tmp_path / "port")


def test_free_port_is_kept_for_the_next_run(tmp_path: Path) -> None:
    port = demo._choose_port(0, tmp_path / "port")
    assert demo._choose_port(0, tmp_path / "port") == port > 0


@pytest.mark.parametrize("content", [None, "", "{"])
def test_credentials_of_the_first_run_that_are_lost(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "first-start.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"first-start\.json, written by .* cannot be read: give a new --data"):
        demo._credentials(path)


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--data .*file cannot be used: File exists: name a folder"):
        demo._make_folder(tmp_path / "file")
