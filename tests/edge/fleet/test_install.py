"""A pack's file becomes the pack in use, or the box stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.errors import PackError, TransientError
from detector.signing import SigningKey
from edge.box.settings import BoxSettings
from edge.fleet import unpack as unpack_module
from edge.fleet.install import PackFailed, install
from edge.fleet.store import PackStore
from edge.fleet.trial import Task, TrialResult
from tests.packs import Workshop, good_trial
from tests.signing import KEY

DEVICE = "ab" * 32


@pytest.fixture
def box(workshop: Workshop) -> BoxSettings:
    return workshop.box()


def put(box: BoxSettings, file: Path, *, allow_older: bool = False, try_out: object = good_trial) -> None:
    install(file, PackStore.open(box), box, device_id=DEVICE, allow_older=allow_older, try_out=try_out)  # type: ignore[arg-type]


def version(box: BoxSettings) -> str | None:
    current = PackStore.open(box).state().current
    return current.version if current else None


def test_the_whole_way_with_the_self_test_in_a_child(box: BoxSettings, workshop: Workshop) -> None:
    file = workshop.pack("1.0")
    own = workshop.shared / "tiny"
    done = install(file, PackStore.open(box), box, default_model=own)
    assert done.result is not None
    assert done.result.seconds_per_look is not None
    assert done.result.old_seconds_per_look is not None
    assert version(box) == "1.0"
    assert install(file, PackStore.open(box), box).again


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ("1.4", "1.3.9", r"version 1\.3\.9 is older than 1\.4, which ran here: build it again under a newer version"),
        ("1.10", "1.9", r"version 1\.9 is older than 1\.10"),
        ("1.4", "1.4.0", r"version 1\.4\.0 is known here with other bytes"),
    ],
)
def test_nothing_older_and_no_other_bytes(
    box: BoxSettings, workshop: Workshop, first: str, second: str, wrong: str
) -> None:
    put(box, workshop.pack(first))
    with pytest.raises(PackError, match=wrong):
        put(box, workshop.pack(second))
    assert version(box) == first


def test_an_older_pack_at_a_persons_word_is_not_the_newest(box: BoxSettings, workshop: Workshop) -> None:
    put(box, workshop.pack("1.4"))
    put(box, workshop.pack("1.3"), allow_older=True)
    assert version(box) == "1.3"
    with pytest.raises(PackError, match=r"is older than 1\.4"):
        put(box, workshop.pack("1.3.5"))


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"key": None}, "is unsigned: sign it with kerbwatch pack sign"),
        ({"key": SigningKey.generate()}, r"which is not trusted \(trusted: city\); if you know whose it is, put the"),
        ({"key": KEY}, r"which is not trusted \(trusted: city\)"),  # trusted for models, not for packs
        ({"devices": ("cd" * 32,)}, r"version 1\.0 names 1 boxes, not this one"),
        ({"files": {"settings.yaml": b"state: /tmp"}}, "state may not be set from afar"),
        ({"files": {"settings.yaml": b"evidence: {originals_days: 0}"}}, "originals_days: Input should be greater"),
        ({"files": {"site/site.yaml": b"name: x"}}, r"its site has \d+ problems, first "),
    ],
)
def test_refused(box: BoxSettings, workshop: Workshop, changes: dict[str, object], wrong: str) -> None:
    with pytest.raises(PackError, match=wrong):
        put(box, workshop.pack("1.0", **changes))  # type: ignore[arg-type]
    assert version(box) is None
    assert not list((box.state / "packs").glob(".tmp*"))


def test_a_newer_software_is_needed(box: BoxSettings, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.fleet.install.version", lambda _: "0.9.3")
    with pytest.raises(PackError, match=r"version 1\.0 needs Kerbwatch 0\.10, this is 0\.9\.3: update the box first"):
        put(box, workshop.pack("1.0", needs_software="0.10"))
    put(box, workshop.pack("1.1", needs_software="0.9"))


def test_a_site_without_the_boxs_camera(workshop: Workshop) -> None:
    box = workshop.box(cameras=({"camera_id": "roof", "address": "/dev/video0"},))
    with pytest.raises(PackFailed, match="its site knows no camera 'roof' of this box; it knows corner-cam, "):
        put(box, workshop.pack("1.0"))


@pytest.mark.parametrize(
    ("result", "reason", "wrong"),
    [
        (TrialResult(fault="1 golden boxes are not found"), "self_test", "1 golden boxes are not found"),
        (TrialResult(), "self_test", "measured nothing"),
        (TrialResult(seconds_per_look=0.16, old_seconds_per_look=0.1), "slow", "0.160 s per look here, at most 1.5 x"),
    ],
)
def test_a_failed_self_test_is_remembered(
    box: BoxSettings, workshop: Workshop, result: TrialResult, reason: str, wrong: str
) -> None:
    def fails(task: Task) -> TrialResult:
        del task
        return result

    with pytest.raises(PackFailed, match=wrong):
        put(box, workshop.pack("1.0"), try_out=fails)
    assert [entry.reason for entry in PackStore.open(box).state().given_up] == [reason]
    with pytest.raises(PackError, match=r"1\.0 was given up on this box"):
        put(box, workshop.pack("1.0"))
    put(box, workshop.pack("1.0.1"))


def test_no_room(box: BoxSettings, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack_module, "free_bytes", lambda _: 1000)
    with pytest.raises(TransientError, match="there is no room for the pack"):
        put(box, workshop.pack("1.0"))
    assert version(box) is None
    assert not PackStore.open(box).state().given_up


def test_two_at_once(box: BoxSettings, workshop: Workshop) -> None:
    store = PackStore.open(box)
    with store.places.installing() as alone:
        assert alone
        with pytest.raises(PackError, match="another pack is being installed"):
            put(box, workshop.pack("1.0"))
    put(box, workshop.pack("1.0"))
