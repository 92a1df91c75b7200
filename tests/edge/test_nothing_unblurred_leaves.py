"""A real box watches a real street and sends to a real server; everything that crosses the wire is looked at.

Nothing unblurred leaves, whatever the policy, unless a person asked for it; then that one leaves, and no other.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import select

from detector.detections import Detections
from detector.evidence.privacy import private_regions
from detector.evidence.seal import read_sealed
from detector.heartbeat import Heartbeat
from detector.report import EvidenceItem, ReportBody
from edge.box.settings import EvidenceSettings, UplinkSettings
from edge.box_time import BoxTime
from edge.device import open_key
from edge.outbox import Outbox
from edge.uplink import Pace, enrol
from edge.uplink.service import UplinkService
from edge.vault.release import Policy, VaultReleases
from edge.vault.retention import Retention
from edge.vault.vault import Vault
from server.db.tables import EvidenceState, Original, Report
from server.security import devices
from tests.conftest import ROOT
from tests.edge.clips import write_pictures
from tests.edge.recording_proxy import Recording, recording
from tests.edge.uplink.box import health
from tests.server.harness import Running, make_settings, run

CORNER_S = (4.24, 5.44)
"""A parked motorcycle beside a cyclist: someone to be blurred, and something to report."""
WINDOW_BYTES = 24
REGION_MIN_PX = 12.0


@dataclass
class Scene:
    """A box that has watched and sent with nobody asking, its server, and what crossed between them."""

    running: Running
    reviewer: httpx.Client
    recorded: Recording
    state: Path
    reports: list[ReportBody]
    originals: dict[str, bytes]
    """By hash, decrypted from the box's own vault."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, bikes_clip: Path) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("box")
    state = folder / "state"
    with ExitStack() as stack:
        running = stack.enter_context(run(make_settings(folder / "server")))
        recorded = stack.enter_context(recording(running.url))
        with running.services.database.write() as session:
            life = timedelta(hours=1)
            code = devices.mint_code(session, now=datetime.now(UTC), life=life, created_by=None).code
        enrol(state, recorded.url, code, open_key(state), "box 7")
        _watch(folder, bikes_clip, recorded.url, running)
        reports, originals = _kept(state)
        scene = Scene(running, running.reviewer(), recorded, state, reports, originals)
        _send(scene, "on_request", lambda: _complete(running) == len(reports))
        yield scene


def _complete(running: Running) -> int:
    """Reports whose evidence the server has."""
    with running.services.database.read() as session:
        reports = session.scalars(select(Report)).all()
        return sum(all(item.state is EvidenceState.STORED for item in report.evidence) for report in reports)


def _watch(folder: Path, clip: Path, url: str, running: Running) -> None:
    """Let a box watch the corner, policy `on_request`; it ends with what is in view in its outbox."""
    corner = folder / "corner.mp4"
    with av.open(str(clip)) as video:
        pictures = [
            p.to_ndarray(format="bgr24") for p in video.decode(video=0) if CORNER_S[0] <= (p.time or 0) < CORNER_S[1]
        ]
    write_pictures(corner, [*pictures, *reversed(pictures)] * 3, fps=25, key_every=25)
    config = folder / "box.yaml"
    config.write_text(
        f"state: state\nsite: {ROOT / 'edge' / 'demo_site'}\npage: null\n"
        f"cameras:\n  - {{camera_id: corner-cam, address: 'file://{corner}?loop', look: {{by: time, every_s: 0.2}}}}\n"
        f"uplink: {{server: '{url}', heartbeat_s: 3}}\n"
        "evidence: {release: on_request, clip_before_s: 1, clip_after_s: 1}\n"
    )
    command = [sys.executable, "-m", "kerbwatch", "box", "run", str(config), "--allow-recordings"]
    box = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        _wait(lambda: _beats_with_looks(running) >= 25, box)
        box.send_signal(signal.SIGTERM)
        words, _ = box.communicate(timeout=60)
    except BaseException:
        box.kill()
        box.communicate()
        raise
    assert box.returncode == 0, words.decode()[-3000:]


def _beats_with_looks(running: Running) -> int:
    with running.services.database.read() as session:
        rows = session.connection().exec_driver_sql("SELECT beat FROM device_beats").fetchall()
    return sum(camera["looks"] for (beat,) in rows for camera in json.loads(beat)["cameras"])


def _wait(true: Callable[[], bool], box: subprocess.Popen[bytes] | None = None, timeout_s: float = 60.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < until_s, "it did not happen in time"
        assert box is None or box.poll() is None, "the box ended"
        time.sleep(0.05)


def _kept(state: Path) -> tuple[list[ReportBody], dict[str, bytes]]:
    with Outbox.open(state) as outbox, Vault.open(state) as vault:
        reports = [read_sealed(report.sealed).body for report in outbox.reports()]
        originals: dict[str, bytes] = {}
        for kept in vault.originals():
            with vault.reader(kept) as reader:
                originals[kept.header.sha256] = reader.readall()
    return reports, originals


def _send(scene: Scene, policy: Policy, done: Callable[[], bool]) -> None:
    """Let the box's own uplink run until `done`."""
    time_ = BoxTime()
    with Outbox.open(scene.state) as outbox, Vault.open(scene.state) as vault:
        releases, retention = VaultReleases(vault, policy, time_), Retention(vault, time_)

        def ordered(orders) -> None:
            retention.answered((), orders)
            releases.ordered(orders)

        uplink = UplinkService(
            outbox,
            scene.state,
            UplinkSettings(server=scene.recorded.url, heartbeat_s=2.5),
            time_,
            health,
            ordered,
            retention.due,
            releases,
            zone=UTC,
            answers=releases.answers,
            pace=Pace(first_wait_s=0.05, wait_max_s=0.2),
        )
        uplink.start()
        try:
            _wait(done)
        finally:
            uplink.stop()
        uplink.check()


def _state(scene: Scene, report_id: uuid.UUID, sha256: str) -> str:
    with scene.running.services.database.read() as session:
        return session.get_one(Original, (str(report_id), sha256)).state.value


def _ask(scene: Scene, report: ReportBody, sha256: str) -> None:
    page = scene.reviewer.get("/api/v1/cases?limit=200").json()["cases"]
    for case in page:
        fields = {"report_id": str(report.report_id), "sha256": sha256, "reason": "a complaint about this corner"}
        if scene.reviewer.post(f"/cases/{case['id']}/originals/ask", data=fields).status_code == 303:
            return
    raise AssertionError("no case has the report")


def _windows(data: bytes) -> list[bytes]:
    """Pieces from within the coded picture: tables at its start are the same in every JPEG."""
    begin = max(data.find(b"\xff\xda") + 14, 1024) if data[:2] == b"\xff\xd8" else 1024
    return [data[at : at + WINDOW_BYTES] for at in range(begin, len(data) - WINDOW_BYTES, 997)]


def _leaked(wire: bytes, data: bytes) -> int:
    windows = _windows(data)
    assert len(windows) > 5
    return sum(window in wire for window in windows)


def _decoded(data: bytes) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image.astype(np.uint8, copy=False)


def _regions(item: EvidenceItem, image: NDArray[np.uint8]) -> list[tuple[slice, slice]]:
    """Where heads and plates are, by the boxes the report itself gives."""
    names = tuple(sorted({box.cue for box in item.boxes} | {"person"}))
    found = Detections(
        np.array([box.xyxy_px for box in item.boxes], np.float32).reshape(-1, 4),
        np.array([box.confidence for box in item.boxes], np.float32),
        np.array([names.index(box.cue) for box in item.boxes]),
        names,
    )
    regions: list[tuple[slice, slice]] = []
    for boxes in private_regions(image, found).values():
        for left, top, right, bottom in np.clip(boxes, 0, [*image.shape[1::-1]] * 2).tolist():
            if right - left >= REGION_MIN_PX and bottom - top >= REGION_MIN_PX:
                regions.append((slice(int(top), int(bottom)), slice(int(left), int(right))))
    return regions


def _detail(image: NDArray[np.uint8]) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_32F).var())


def test_the_scene_can_fail(scene: Scene) -> None:
    """There are reports with people, their originals are kept, and the recording holds what was sent."""
    assert scene.reports
    assert {original.role for report in scene.reports for original in report.originals} == {"frame", "clip"}
    assert all(original.sha256 in scene.originals for report in scene.reports for original in report.originals)
    assert any(box.cue == "person" for report in scene.reports for item in report.evidence for box in item.boxes)
    assert scene.recorded.files()
    (evidence,) = {item.sha256 for item in scene.reports[0].evidence if item.role == "still_full"}
    assert (
        _leaked(scene.recorded.bytes(), scene.recorded.files()[evidence]) > 5
    )  # what is sent is found in what was sent


def test_all_that_crosses_is_evidence_named_as_blurred_reports_and_heartbeats(scene: Scene) -> None:
    blurred = {item.sha256 for report in scene.reports for item in report.evidence if item.blurred}
    assert set(scene.recorded.files()) == scene.recorded.announced() == blurred
    for request in scene.recorded.requests():
        if request.path == "/api/v1/devices/heartbeat":
            Heartbeat.model_validate_json(request.body)
        elif request.method == "PUT":
            read_sealed(request.body)
        elif request.method != "PATCH":
            assert len(request.body) < 1000  # enrolment; everything else is empty
    assert all(_leaked(scene.recorded.bytes(), data) == 0 for data in scene.originals.values())


def test_people_and_plates_in_what_crosses_are_not_those_of_the_original(scene: Scene) -> None:
    files, looked_at = scene.recorded.files(), 0
    for report in scene.reports:
        original = next(item for item in report.originals if item.role == "frame")
        clear = _decoded(scene.originals[original.sha256])
        full = next(item for item in report.evidence if item.role == "still_full")
        assert full.frame_id == original.frame_id
        for item in report.evidence:
            image = _decoded(files[item.sha256])
            left, top = _corner(full, item)
            same = clear[top : top + image.shape[0], left : left + image.shape[1]]
            open_ground = np.ones(image.shape[:2], bool)
            for region in _regions(item, image):
                open_ground[region] = False
                looked_at += 1
                assert np.abs(image[region].astype(int) - same[region]).mean() > 2.0
                assert _detail(image[region]) < 0.5 * _detail(same[region])
            # Else the comparison would be one of two pictures that have nothing to do with each other.
            assert open_ground.any()
            assert np.abs(image.astype(int) - same)[open_ground].mean() < 6.0
    assert looked_at >= 2


def _corner(full: EvidenceItem, item: EvidenceItem) -> tuple[int, int]:
    """Where a crop lies in the full picture, by the box of what both are about."""
    whole, part = (next(box.xyxy_px for box in one.boxes if box.subject) for one in (full, item))
    return round(whole[0] - part[0]), round(whole[1] - part[1])


def test_under_never_a_request_is_refused_and_nothing_leaves(scene: Scene) -> None:
    report = scene.reports[0]
    frame = next(item for item in report.originals if item.role == "frame")
    _ask(scene, report, frame.sha256)
    before = len(scene.recorded.bytes())
    _send(scene, "never", lambda: _state(scene, report.report_id, frame.sha256) == "refused")
    assert len(scene.recorded.bytes()) > before
    assert all(_leaked(scene.recorded.bytes(), data) == 0 for data in scene.originals.values())


def test_asked_for_and_allowed_that_one_leaves_and_no_other(scene: Scene) -> None:
    report = scene.reports[0]
    frame = next(item for item in report.originals if item.role == "frame")
    _ask(scene, report, frame.sha256)
    _send(scene, "on_request", lambda: _state(scene, report.report_id, frame.sha256) == "stored")
    files = scene.recorded.files()
    assert files[frame.sha256] == scene.originals[frame.sha256]
    blurred = {item.sha256 for one in scene.reports for item in one.evidence}
    assert set(files) == blurred | {frame.sha256}
    others = [data for sha256, data in scene.originals.items() if sha256 != frame.sha256]
    assert others
    assert all(_leaked(scene.recorded.bytes(), data) == 0 for data in others)
    with Vault.open(scene.state) as vault:
        ((line, _),) = vault.accesses()
        assert (line.who, line.did, line.why) == ("reviewer (server)", "release", "a complaint about this corner")
        assert line.sha256 == frame.sha256


def test_nothing_is_kept_in_clear_beside_the_vault(scene: Scene) -> None:
    for path in scene.state.rglob("*"):
        if path.is_file():
            on_disk = path.read_bytes()
            assert all(_leaked(on_disk, data) == 0 for data in scene.originals.values()), path


def test_never_is_what_a_box_does_unless_told_otherwise() -> None:
    assert EvidenceSettings().release == "never"
