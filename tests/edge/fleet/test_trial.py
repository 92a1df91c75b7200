"""The self-test in its own process, and what golden pictures ask."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.errors import PackError, TransientError
from detector.model.signers import Signer
from detector.model.yolo import Detector, open_detector
from detector.pack.golden import EXPECTED, misses, parse_golden, read_picture
from detector.pack.manifest import PackLimits
from edge.fleet import trial
from edge.fleet.trial import Candidate, Task, TrialResult, judge, run_apart, run_here
from tests.packs import SITE, Workshop, tiny_files
from tests.signing import KEY, TRUST

FOUND = {"cue": "bicycle", "xyxy_px": [38, 27, 58, 37]}


@pytest.fixture(scope="module")
def tiny(shared_bundle: Path) -> Path:
    tiny_files(shared_bundle)
    return shared_bundle / "tiny"


@pytest.fixture(scope="module")
def detector(tiny: Path) -> Detector:
    return open_detector(tiny, trust=TRUST)


def golden(folder: Path, *found: dict[str, object], iou_min: float = 0.9) -> Path:
    """A folder with one golden picture."""
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "a.png"), np.full((64, 96, 3), 90, np.uint8))
    content = {"schema": "kerbwatch-golden/1", "iou_min": iou_min}
    content["pictures"] = [{"file": "a.png", "clip": True, "found": list(found)}]  # type: ignore[assignment]
    (folder / EXPECTED).write_text(json.dumps(content), encoding="utf-8")
    return folder


def task(tiny: Path, folder: Path, **changes: object) -> Task:
    values = {
        "new": Candidate(model=tiny, site=SITE),
        "old": Candidate(model=tiny, site=SITE),
        "golden": folder,
        "limits": PackLimits(),
        "trust": (Signer.of(KEY, "throw-away"),),
    }
    return Task.model_validate(values | changes)


@pytest.mark.parametrize(
    ("found", "iou_min", "missed"),
    [
        ([FOUND], 0.9, []),
        ([{**FOUND, "xyxy_px": [38, 27, 57, 37]}], 0.9, []),
        ([{**FOUND, "xyxy_px": [38, 27, 57, 37]}], 0.99, ["bicycle at [38, 27, 57, 37] of a.png"]),
        ([{**FOUND, "cue": "person"}], 0.9, ["person at [38, 27, 58, 37] of a.png"]),
        ([FOUND, FOUND], 0.9, ["bicycle at [38, 27, 58, 37] of a.png"]),  # one box is not two bicycles
        ([FOUND, {**FOUND, "xyxy_px": [0, 0, 9, 9]}], 0.9, ["bicycle at [0, 0, 9, 9] of a.png"]),
    ],
)
def test_what_is_missed(
    tmp_path: Path, detector: Detector, found: list[dict[str, object]], iou_min: float, missed: list[str]
) -> None:
    assert [str(miss) for miss in misses(detector, golden(tmp_path, *found, iou_min=iou_min))] == missed


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ({"pictures": []}, "pictures: Tuple should have at least 1 item"),
        ({"pictures": [{"file": "a.png", "found": [FOUND]}]}, "the golden clip asks nothing"),
        ({"pictures": [{"file": "a.png", "clip": True, "found": []}]}, "the golden clip asks nothing"),
        ({"pictures": [{"file": "a.png", "clip": True, "found": [FOUND]}] * 2}, "a picture is named twice"),
        ({"pictures": [{"file": "../a.png", "clip": True, "found": [FOUND]}]}, "pictures.0.file: String should match"),
        ({"iou_min": 0.2, "pictures": [{"file": "a.png", "clip": True, "found": [FOUND]}]}, "iou_min: Input should"),
    ],
)
def test_what_asks_nothing_or_too_much(content: dict[str, object], wrong: str) -> None:
    with pytest.raises(PackError, match=wrong):
        parse_golden(json.dumps({"schema": "kerbwatch-golden/1", **content}).encode(), "expected.json")


def test_pictures_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x" * 100)
    with pytest.raises(PackError, match=r"golden picture .* cannot be read"):
        read_picture(tmp_path / "a.png")


def test_a_good_model(tmp_path: Path, tiny: Path) -> None:
    result = run_apart(task(tiny, golden(tmp_path, FOUND)))
    assert result.fault == ""
    assert result.seconds_per_look is not None
    assert result.old_seconds_per_look is not None


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"trust": ()}, "which is not trusted"),
        ({"new": {"model": "/nowhere", "site": str(SITE)}}, "/nowhere is not a folder"),
        ({"backend": "magic"}, "backend 'magic' is unknown"),
    ],
)
def test_a_bad_model(tmp_path: Path, tiny: Path, changes: dict[str, object], wrong: str) -> None:
    assert wrong in run_here(task(tiny, golden(tmp_path, FOUND), **changes)).fault


def test_a_model_that_sees_nothing_of_it(tmp_path: Path, tiny: Path) -> None:
    result = run_here(task(tiny, golden(tmp_path, {**FOUND, "cue": "person"})))
    assert result.fault == "1 golden boxes are not found, first person at [38, 27, 58, 37] of a.png"


def test_what_runs_now_cannot_be_opened(tmp_path: Path, tiny: Path) -> None:
    result = run_here(task(tiny, golden(tmp_path, FOUND), old={"model": "/nowhere", "site": str(SITE)}))
    assert (result.fault, result.old_seconds_per_look) == ("", None)


@pytest.mark.parametrize(
    ("program", "wrong"),
    [
        ("import os; os.abort()", "the self-test ended with -6"),
        ("import sys; sys.exit('out of memory')", "the self-test ended with 1: out of memory"),
        ("print('hello')", "the self-test gave no answer"),
        ("import time; time.sleep(60)", "the self-test took longer than 2 s"),
    ],
)
def test_a_child_that_dies_hangs_or_talks_nonsense(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, program: str, wrong: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {trial.sys.executable} -c "{program}"\n', encoding="utf-8")
    python.chmod(0o700)
    monkeypatch.setattr(trial.sys, "executable", str(python))
    beats: list[None] = []
    result = run_apart(task(tiny, tmp_path), timeout_s=2.0, beat=lambda: beats.append(None))
    assert result.fault == wrong
    assert len(beats) >= (1 if "longer" in wrong else 0)


def test_a_box_that_ends_takes_the_child_along(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho $$ > " + str(tmp_path / "pid") + "\nexec sleep 60\n", encoding="utf-8")
    python.chmod(0o700)
    monkeypatch.setattr(trial.sys, "executable", str(python))
    with pytest.raises(TransientError, match="broken off: the box ends"):
        run_apart(task(tiny, tmp_path), over=lambda: True)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize(
    ("result", "limits", "reason"),
    [
        (TrialResult(seconds_per_look=0.15, old_seconds_per_look=0.1), PackLimits(), None),
        (TrialResult(seconds_per_look=0.16, old_seconds_per_look=0.1), PackLimits(), "slow"),
        (TrialResult(seconds_per_look=0.16, old_seconds_per_look=0.1), PackLimits(slower_max=2), None),
        (TrialResult(seconds_per_look=9), PackLimits(), None),  # with nothing to compare
        (TrialResult(seconds_per_look=0.3), PackLimits(seconds_per_look_max=0.2), "slow"),
        (TrialResult(fault="x"), PackLimits(), "self_test"),
        (TrialResult(), PackLimits(), "self_test"),
    ],
)
def test_judgement(result: TrialResult, limits: PackLimits, reason: str | None) -> None:
    fault = judge(result, limits)
    assert (fault.reason if fault else None) == reason


def test_a_pack_is_proven_by_the_boxs_own_detector(workshop: Workshop, detector: Detector) -> None:
    from edge.fleet.install import install
    from edge.fleet.store import PackStore
    from tests.packs import good_trial

    box = workshop.box()
    store = PackStore.open(box)
    install(workshop.pack("1.0"), store, box, try_out=good_trial)
    store.begin_start()
    assert not store.prove(detector)
    text = json.dumps(
        {
            "schema": "kerbwatch-golden/1",
            "pictures": [{"file": "model.png", "clip": True, "found": [{**FOUND, "cue": "person"}]}],
        }
    )
    install(workshop.pack("1.1", files={"golden/expected.json": text.encode()}), store, box, try_out=good_trial)
    store.begin_start()
    assert store.prove(detector)
    (failure,) = store.state().given_up
    assert (failure.reason, failure.detail) == (
        "golden_clip",
        "1 missed, first person at [38, 27, 58, 37] of model.png",
    )
