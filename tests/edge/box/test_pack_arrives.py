"""A fleet pack on its whole way: built and signed at a desk, handed out by a real server, taken by a running box."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import httpx

from edge.box.settings import load_settings
from edge.fleet.store import PackStore
from tests.edge.box.running import ROOT, SITE, free_port, metric, start, wait_for, write_config, write_wall
from tests.server.live import LiveServer, live_server


def _kerbwatch(*arguments: str, **environment: str) -> None:
    command = [sys.executable, "-W", "error", "-m", "kerbwatch", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, **environment})


def _hand_out(server: LiveServer, pack: Path) -> None:
    """As a reviewer does on the page: upload it, then give it to every box."""
    with httpx.Client(base_url=server.url, trust_env=False, headers={"Accept": "text/html"}) as browser:
        who = {"name": server.reviewer, "password": server.password}
        signed_in = browser.post("/api/v1/session", json=who).raise_for_status().json()
        browser.headers["X-CSRF-Token"] = signed_in["csrf_token"]
        data = pack.read_bytes()
        assert browser.post("/fleet/packs", files={"pack": (pack.name, data)}).status_code == 303
        share = f"/fleet/packs/{hashlib.sha256(data).hexdigest()}/share"
        assert browser.post(share, data={"percent": "100"}).status_code == 303


def test_a_pack_is_fetched_tried_and_taken(tmp_path: Path, zoo_street: Path) -> None:
    signers = tmp_path / "signers"
    signers.mkdir()
    _kerbwatch("pack", "key", "--out", str(tmp_path / "city.key"))
    (signers / "city.key.pub").write_bytes((tmp_path / "city.key.pub").read_bytes())
    pack = tmp_path / "2.1.kwpack"
    _kerbwatch(
        *("pack", "build", "--site", str(SITE), "--model", str(zoo_street), "--version", "2.1", "--out", str(pack)),
        *("--key", str(tmp_path / "city.key")),
    )
    port = free_port()
    with live_server(tmp_path, more=("--pack-signers", str(signers))) as server:
        config = write_config(
            tmp_path,
            write_wall(tmp_path / "wall.mp4"),
            port,
            f"uplink: {{server: '{server.url}', heartbeat_s: 1}}\nfleet: {{follow: true}}\ntrust: [city.key.pub]\n",
        )
        _kerbwatch("box", "enrol", str(config), KERBWATCH_ENROL_CODE=server.enrolment_code)
        _hand_out(server, pack)
        process = start(config, "--allow-recordings")
        words, _ = process.communicate(timeout=120.0)
        assert process.returncode == 75, words.decode()[-3000:]
        process = start(config, "--allow-recordings")
        try:
            wait_for(lambda: metric(port, 'kerbwatch_box_info{pack="2.1"') == 1.0, process)
            wait_for(lambda: metric(port, "kerbwatch_box_camera_looks_total") >= 2, process)
        finally:
            process.terminate()
            words, _ = process.communicate(timeout=60.0)
        assert process.returncode == 0, words.decode()[-3000:]
    state = PackStore.open(load_settings(config)).state()
    assert state.current is not None
    assert state.current.version == "2.1"
    assert state.trial is not None
    assert state.trial.starts == 0
