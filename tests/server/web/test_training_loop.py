"""The loop closes: a click in a real browser becomes a label, and one epoch on that export becomes a bundle."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.model.signers import Trust, read_signer
from detector.model.yolo import open_detector
from tests.conftest import ROOT
from tests.models.networks import random_start_weights
from tests.server.live import LiveServer
from tests.server.web.browser import MISSING, installed
from tests.server.web.reviewer import Reviewer

pytestmark = [pytest.mark.train, pytest.mark.browser, pytest.mark.skipif(not installed(), reason=MISSING)]


def _kerbwatch(*args: str) -> None:
    subprocess.run([sys.executable, "-m", "kerbwatch", *args], check=True, cwd=ROOT, timeout=600)


def test_one_epoch_on_what_was_clicked_makes_a_bundle(
    reviewer: Reviewer, new_case: Callable[..., int], server: LiveServer, tmp_path: Path
) -> None:
    for key, state in (("c", "confirmed"), ("r", "rejected"), ("c", "confirmed")):
        reviewer.open(f"/cases/{new_case()}")
        reviewer.state("pending")
        reviewer.press(key)
        if key == "r":
            reviewer.find("#reject-dialog[open] [value='object_but_allowed:bike_in_bay']").click()
        reviewer.state(state)
    labels, out = tmp_path / "labels", tmp_path / "model"
    start_weights = random_start_weights(tmp_path / "start.pt")
    _kerbwatch("label", "export", "--data", str(server.data), "--out", str(labels))
    train = ["models", "train", "--data", str(labels), "--weights", str(start_weights), "--out", str(out)]
    key = tmp_path / "city.key"
    _kerbwatch("models", "key", "--out", str(key))
    _kerbwatch(*train, "--sign-key", str(key), "--epochs", "1", "--imgsz", "96", "--batch", "2", "--threads", "1")
    trust = Trust((read_signer(tmp_path / "city.key.pub"),))
    assert "bicycle" in open_detector(out / "bundle", trust=trust).bundle.cue_names
