"""A live report's originals: the kept picture's own bytes and the clip, sealed before the report is in the outbox."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.evidence.best_frame import BestFrame, BestFrames
from edge.assemble import assemble
from edge.box.settings import EvidenceSettings
from edge.outbox import Outbox
from edge.sources.live.picture import CameraStatus, Clip
from edge.vault.gather import VaultOriginals
from edge.vault.limits import VaultLimits
from edge.vault.vault import Vault
from tests.detector.moving_pictures import detections, frame, street
from tests.edge import hits
from tests.edge.vault.kept import sealed_files

SETTINGS = EvidenceSettings(clip_before_s=2.0, clip_after_s=3.0)
CLIP = b"\0\0\0\x18ftypmp42" + bytes(5000)


@dataclass
class Ring:
    """A camera whose ring holds one clip."""

    holds: bool = True
    asked: list[tuple[datetime, float, float]] = field(default_factory=list)

    def clip(self, about: datetime, *, before_s: float, after_s: float, folder: Path) -> Clip | None:
        self.asked.append((about, before_s, after_s))
        if not self.holds:
            return None
        path = folder / "cut.mp4"
        path.write_bytes(CLIP)
        return Clip(path, about - timedelta(seconds=before_s), about + timedelta(seconds=after_s), 640, 480)

    def newest(self, *, timeout_s: float, wants: Callable | None = None) -> None:
        raise AssertionError("nobody looks here")

    def status(self) -> CameraStatus:
        raise AssertionError("nobody looks here")

    def close(self) -> None:
        pass


def best_frame() -> BestFrame:
    frames = BestFrames()
    found = detections(("bicycle", (200.0, 100.0, 360.0, 260.0), 0.8))
    frames.offer(frame(3, 0.3, street()[:, :640]), found, (("t", 0),))
    best = frames.take("t")
    assert best is not None
    return best


def test_the_picture_is_the_kept_jpeg_itself(tmp_path: Path) -> None:
    best = best_frame()
    with Vault.open(tmp_path / "state") as vault:
        originals = VaultOriginals(vault, None, SETTINGS, tmp_path)
        (picture,) = originals.gather(best, hits.track())
        decoded = cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        assert np.array_equal(decoded, best.frame.image)
        assert (picture.width_px, picture.height_px) == decoded.shape[1::-1]
        assert picture.frame_id == best.frame.frame_id


def test_the_clip_comes_along_and_lies_nowhere_in_clear(tmp_path: Path) -> None:
    ring, best = Ring(), best_frame()
    with Vault.open(tmp_path / "state") as vault:
        originals = VaultOriginals(vault, ring, SETTINGS, tmp_path)
        files = originals.gather(best, hits.track())
        assert [file.role for file in files] == ["frame", "clip"]
        assert ring.asked == [(best.frame.captured_at, 2.0, 3.0)]
        assert not (tmp_path / "cut.mp4").exists()
        report_id = uuid.uuid4()
        assert originals.keep(report_id, files) == files
        for file in files:
            with vault.open_original(report_id, file.sha256, who="keeper", why="a test") as reader:
                assert reader.read() == file.data
        assert len(sealed_files(tmp_path / "state")) == 2


@pytest.mark.parametrize(
    ("ring", "settings"), [(Ring(holds=False), SETTINGS), (Ring(), EvidenceSettings(clip_before_s=0, clip_after_s=0))]
)
def test_no_clip_is_no_harm(tmp_path: Path, ring: Ring, settings: EvidenceSettings) -> None:
    with Vault.open(tmp_path / "state") as vault:
        files = VaultOriginals(vault, ring, settings, tmp_path).gather(best_frame(), hits.track())
        assert [file.role for file in files] == ["frame"]


def test_without_room_the_report_goes_out_and_the_trouble_is_told(tmp_path: Path) -> None:
    best = best_frame()
    limits = VaultLimits(bytes_max=len(best.jpeg) + 2000, reserve_bytes=0)
    with Vault.open(tmp_path / "state", limits=limits) as vault:
        originals = VaultOriginals(vault, Ring(), SETTINGS, tmp_path)
        files = originals.gather(best, hits.track())
        kept = originals.keep(uuid.uuid4(), files)
        assert kept == files[:1]
        assert "what is left is wanted or not yet at the server" in originals.trouble
        assert originals.keep(uuid.uuid4(), files) == ()
        originals.forget(vault.originals()[0].header.report_id)
        assert originals.keep(uuid.uuid4(), files[:1]) == files[:1]
        assert originals.trouble == ""


def test_the_report_names_what_is_kept_and_verifies_against_it(tmp_path: Path) -> None:
    with Vault.open(tmp_path / "state") as vault, Outbox.open(tmp_path / "state") as outbox:
        originals = VaultOriginals(vault, Ring(), SETTINGS, tmp_path)
        files = originals.gather(best_frame(), hits.track())
        origin = replace(hits.ORIGIN, device_id=outbox.device_id)
        key = "e" * 64

        def build(report_id: uuid.UUID) -> tuple:
            return assemble(report_id, key, hits.hit(), hits.shot(), origin, originals.keep(report_id, files))

        report_id = outbox.put(key, build)
        assert outbox.state_of(report_id) == "queued"
        assert outbox.state_of(uuid.uuid4()) is None
        (kept,) = outbox.reports()
        for file in files:
            assert f'"sha256":"{file.sha256}"'.encode() in kept.sealed
            with vault.open_original(report_id, file.sha256, who="keeper", why="a test") as reader:
                assert hashlib.sha256(reader.read()).hexdigest() == file.sha256
        assert vault.clear_orphans(lambda known: outbox.state_of(known) is not None) == 0


def test_ready_once_the_clip_can_be_whole(tmp_path: Path) -> None:
    with Vault.open(tmp_path / "state") as vault:
        originals = VaultOriginals(vault, Ring(), SETTINGS, tmp_path)
        at = hits.MORNING
        assert not originals.ready(at, at + timedelta(seconds=2.9))
        assert originals.ready(at, at + timedelta(seconds=3))
