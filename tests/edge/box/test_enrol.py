"""`kerbwatch box enrol`: what the server calls a box."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.box.cli import app
from tests.edge.box.running import SITE
from tests.edge.peer import CODE, running_peer


def test_enrolled_anew_a_box_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "host")
    with running_peer() as peer:
        config = tmp_path / "box.yaml"
        config.write_text(
            f"state: state\nsite: {SITE}\ncameras: [{{camera_id: wall-cam, address: /dev/video0}}]\n"
            f"uplink: {{server: '{peer.url}'}}\n"
        )

        def enrol(*more: str) -> str:
            done = CliRunner().invoke(app, ["enrol", str(config), *more], env={"KERBWATCH_ENROL_CODE": CODE})
            assert done.exit_code == 0, done.output
            return done.output

        assert ": host (" in enrol()
        assert ": patrol car 1 (" in enrol("--name", "patrol car 1")
        assert ": patrol car 1 (" in enrol()
