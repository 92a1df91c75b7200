"""A whole box: a recording stands for its camera, everything else is as on a vehicle."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from detector.errors import InputError
from detector.evidence.seal import read_sealed
from edge.box.settings import load_settings
from edge.device import open_key
from edge.outbox import Outbox
from edge.vault.vault import Vault
from tests.edge.box.running import free_port, metric, start, wait_for, write_config, write_wall


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `write_wall`."""
    return write_wall(tmp_path_factory.mktemp("wall") / "wall.mp4")


def test_what_stands_before_the_camera_is_reported_with_its_original(tmp_path: Path, wall: Path) -> None:
    port = free_port()
    process = start(write_config(tmp_path, wall, port), "--allow-recordings")
    wait_for(lambda: metric(port, "kerbwatch_box_camera_looks_total") >= 20, process)
    process.send_signal(signal.SIGTERM)
    words, _ = process.communicate(timeout=60.0)
    assert process.returncode == 0, words.decode()[-3000:]
    lines = [json.loads(line) for line in words.decode().splitlines()]
    events = [line["event"] for line in lines]
    assert {"the box watches", "the box ends: what is in view is judged", "reported"} <= set(events)
    state = tmp_path / "state"
    assert [str(path) for path in (state, *state.rglob("*")) if path.stat().st_mode & 0o077] == []
    with Outbox.open(state) as outbox:
        reports = [read_sealed(report.sealed).body for report in outbox.reports()]
        assert reports, words.decode()
    assert {body.kind.value for body in reports} == {"disorderly_bike"}
    assert all(item.blurred for body in reports for item in body.evidence)
    with Vault.open(state) as vault:
        kept = {original.header.sha256: original for original in vault.originals()}
        for body in reports:
            roles = {original.role for original in body.originals}
            assert "frame" in roles
            for original in body.originals:
                with vault.reader(kept[original.sha256]) as reader:
                    assert len(reader.read()) == original.size_bytes
    assert open_key(state).device_id == reports[0].device_id


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ("gnss: {}\n", "gnss: give serial or gpsd, one of them"),
        ("speed: 3\n", "speed: Extra inputs are not permitted"),
        ("fleet: {follow: true}\n", "fleet.follow needs an uplink: packs come from the server"),
    ],
)
def test_settings_that_are_wrong_are_named(tmp_path: Path, more: str, error: str) -> None:
    with pytest.raises(InputError, match=re.escape(error)):
        load_settings(write_config(tmp_path, tmp_path / "wall.mp4", 8787, more))


def test_a_recording_is_no_camera_unless_it_is_allowed(tmp_path: Path) -> None:
    process = start(write_config(tmp_path, tmp_path / "wall.mp4", 8787))
    words, _ = process.communicate(timeout=60.0)
    assert process.returncode == 2
    assert "file:// is no live camera" in words.decode()
