"""Which pack runs: starts, probation, rollback, damage, full disk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detector.errors import PackError
from edge.box.settings import BoxSettings
from edge.fleet import store as store_module
from edge.fleet.install import install
from edge.fleet.signs import CameraSigns, Fault, Signs
from edge.fleet.state import COPY, STATE, CameraTotals, Proven, load_state, save_state
from edge.fleet.store import STARTS_MAX, PackStore
from tests.packs import PACK_TRUST, Workshop, good_trial

NOW = datetime(2026, 5, 18, 8, tzinfo=UTC)


class Clock:
    """Monotonic seconds that a test moves on."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The store's clock."""
    clock = Clock()
    with monkeypatch.context() as patched:
        patched.setattr(store_module.time, "monotonic", clock)
        yield clock


@pytest.fixture
def box(workshop: Workshop) -> BoxSettings:
    return workshop.box()


def opened(box: BoxSettings) -> PackStore:
    return PackStore.open(box, now=lambda: NOW)


def put(box: BoxSettings, file: Path) -> None:
    install(file, opened(box), box, try_out=good_trial)


def settle(box: BoxSettings) -> None:
    """Let the current pack prove itself."""
    store = opened(box)
    store.begin_start()
    save_state(store.places.root, store.state().settled(Proven()))


def current(box: BoxSettings) -> tuple[str | None, str | None]:
    state = opened(box).state()
    return (state.current.version if state.current else None, state.previous.version if state.previous else None)


def test_a_new_box_runs_on_its_own_settings(box: BoxSettings) -> None:
    decision = opened(box).begin_start()
    assert (decision.pack, decision.on_probation, decision.gave_up) == (None, False, None)


def test_the_first_pack_proves_itself(box: BoxSettings, workshop: Workshop, clock: Clock) -> None:
    put(box, workshop.pack("1.0"))
    store = opened(box)
    decision = store.begin_start()
    assert decision.pack is not None
    assert (decision.pack.version, decision.start, decision.pack.signer) == ("1.0", 1, "city")
    assert (decision.pack.site / "site.yaml").is_file()
    for _ in range(9):
        clock.s += 60
        assert not store.alive(Signs())
    assert store.state().trial is not None
    clock.s += 60
    assert not store.alive(Signs())
    assert store.state().trial is None
    assert not opened(box).begin_start().on_probation


def test_probation_counts_running_time_over_starts(box: BoxSettings, workshop: Workshop, clock: Clock) -> None:
    put(box, workshop.pack("1.0"))
    store = opened(box)
    for _ in range(4):  # a vehicle that is switched off and on: no crash, for each start lives long enough
        store = opened(box)
        assert store.begin_start().on_probation
        for _ in range(4):
            clock.s += 45
            store.alive(Signs())
    assert store.state().trial is None


def test_a_pack_that_dies_at_every_start_is_given_up(box: BoxSettings, workshop: Workshop) -> None:
    put(box, workshop.pack("1.0"))
    settle(box)
    put(box, workshop.pack("1.1"))
    starts = [opened(box).begin_start() for _ in range(STARTS_MAX + 2)]
    assert [(d.pack.version if d.pack else None, d.start) for d in starts] == [
        ("1.1", 1),
        ("1.1", 2),
        ("1.1", 3),
        ("1.0", 0),
        ("1.0", 0),
    ]
    gave_up = starts[STARTS_MAX].gave_up
    assert gave_up is not None
    assert (gave_up.version, gave_up.reason, gave_up.at) == ("1.1", "crash_loop", NOW)
    with pytest.raises(PackError, match=r"1\.1 was given up on this box \(crash_loop: 3 starts ended within 180 s\)"):
        put(box, workshop.pack("1.1"))
    put(box, workshop.pack("1.2"))
    assert current(box) == ("1.2", "1.0")


def test_starts_that_were_told_to_stop_are_no_crashes(box: BoxSettings, workshop: Workshop) -> None:
    put(box, workshop.pack("1.0"))
    for _ in range(2 * STARTS_MAX):
        store = opened(box)
        assert store.begin_start().start == 1
        store.stopped()


def test_a_start_that_lives_some_minutes_sets_the_count_back(
    box: BoxSettings, workshop: Workshop, clock: Clock
) -> None:
    put(box, workshop.pack("1.0"))
    opened(box).begin_start()
    store = opened(box)
    store.begin_start()
    for _ in range(3):
        clock.s += 61
        store.alive(Signs())
    assert opened(box).begin_start().start == 1


@pytest.mark.parametrize("slow_s", [0.31, 5.0])
def test_a_pack_that_stays_slow_is_given_up(box: BoxSettings, workshop: Workshop, slow_s: float) -> None:
    put(box, workshop.pack("1.0"))
    store = opened(box)
    save_state(store.places.root, store.state().model_copy(update={"proven": Proven(seconds_per_look=0.2)}))
    store.begin_start()
    told = [store.alive(Signs(seconds_per_look=s)) for s in (slow_s, slow_s, 0.2, *[slow_s] * 5)]
    assert told == [False] * 7 + [True]
    assert current(box) == (None, None)
    assert opened(box).state().given_up[-1].reason == "slow"


@pytest.mark.parametrize(
    ("now", "restart"),
    [
        (CameraSigns(live_s=600, looks=150, found=0), True),  # 300 boxes were expected
        (CameraSigns(live_s=600, looks=150, found=1), False),
        (CameraSigns(live_s=600, looks=14, found=0), False),  # 28: an empty street
        (CameraSigns(live_s=121, looks=0, found=0), True),  # pictures come, and nobody looks
        (CameraSigns(live_s=0, looks=0, found=0), False),  # a cable: not the pack's fault
    ],
)
def test_a_pack_that_blinds_a_camera_is_given_up(
    box: BoxSettings, workshop: Workshop, now: CameraSigns, restart: bool
) -> None:
    put(box, workshop.pack("1.0"))
    store = opened(box)
    proven = Proven(cameras={"ebike-front": CameraTotals(looks=1000, found=2000)})
    save_state(store.places.root, store.state().model_copy(update={"proven": proven}))
    store.begin_start()
    assert store.alive(Signs(cameras={"ebike-front": now})) is restart
    if restart:
        assert opened(box).state().given_up[-1].reason == "blind"


def test_what_a_pack_usually_gives_is_learned(box: BoxSettings, clock: Clock) -> None:
    store = opened(box)
    store.begin_start()
    signs = Signs(0.12, {"a": CameraSigns(900, 500, 700), "b": CameraSigns(900, 20, 7)})
    assert not store.alive(signs)
    assert load_state(store.places.root) is None
    clock.s += 601
    assert not store.alive(signs)
    proven = store.state().proven
    assert (proven.seconds_per_look, dict(proven.cameras)) == (0.12, {"a": CameraTotals(looks=500, found=700)})


def test_a_running_box_sees_that_another_pack_was_put_in(box: BoxSettings, workshop: Workshop) -> None:
    running = opened(box)
    running.begin_start()
    assert not running.alive(Signs())
    put(box, workshop.pack("1.0"))
    assert running.alive(Signs())
    running.begin_start()
    assert not running.alive(Signs())
    opened(box).roll_back()
    assert running.alive(Signs())
    assert running.give_up(Fault("slow", "")), "what is given up is no longer the current one: only a restart is left"
    assert [entry.reason for entry in running.state().given_up] == ["by_hand"]


def test_a_pack_put_in_during_probation_keeps_the_proven_one(box: BoxSettings, workshop: Workshop) -> None:
    for version in ("1.0", "1.1", "1.2"):
        put(box, workshop.pack(version))
        if version == "1.0":
            settle(box)
    assert current(box) == ("1.2", "1.0")
    opened(box).begin_start()
    folders = {path.name.split("-")[0] for path in (box.state / "packs").iterdir() if path.is_dir()}
    assert folders == {"incoming", "1.0", "1.2"}


def damaged_file(box: BoxSettings, version: str) -> Path:
    (folder,) = (box.state / "packs").glob(f"{version}-*")
    return folder / "model" / "model.onnx"


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["byte", "gone", "link", "more"])
def test_a_pack_damaged_on_the_disk_gives_way_to_the_one_before(
    box: BoxSettings, workshop: Workshop, kind: str, tmp_path: Path
) -> None:
    put(box, workshop.pack("1.0"))
    settle(box)
    put(box, workshop.pack("1.1"))
    settle(box)
    file = damaged_file(box, "1.1")
    match kind:
        case "byte":
            flip(file)
        case "gone":
            file.unlink()
        case "link":
            file.rename(tmp_path / "elsewhere")
            file.symlink_to(tmp_path / "elsewhere")
        case _:
            (file.parent / "more.yaml").write_text("a: 1")
    decision = opened(box).begin_start()
    assert decision.pack is not None
    assert decision.gave_up is not None
    assert (decision.pack.version, decision.on_probation, decision.gave_up.reason) == ("1.0", False, "damaged")
    put(box, workshop.pack("1.1"))  # damage is not its fault: it may be fetched again
    assert current(box) == ("1.1", "1.0")


def test_with_both_packs_damaged_the_boxs_own_settings_run(box: BoxSettings, workshop: Workshop) -> None:
    put(box, workshop.pack("1.0"))
    settle(box)
    put(box, workshop.pack("1.1"))
    for version in ("1.0", "1.1"):
        flip(damaged_file(box, version))
    assert opened(box).begin_start().pack is None
    assert opened(box).begin_start().pack is None


def test_a_key_taken_out_of_trust_ends_its_packs(box: BoxSettings, workshop: Workshop) -> None:
    put(box, workshop.pack("1.0"))
    settle(box)
    decision = opened(box.model_copy(update={"trust": ()})).begin_start()
    assert decision.pack is None
    assert decision.gave_up is not None
    assert "which is not trusted (trusted: nobody)" in decision.gave_up.detail


@pytest.mark.parametrize("names", [(STATE,), (STATE, COPY)])
def test_a_damaged_state_file(box: BoxSettings, workshop: Workshop, names: tuple[str, ...]) -> None:
    put(box, workshop.pack("1.0"))
    settle(box)
    for name in names:
        flip(box.state / "packs" / name)
    decision = opened(box).begin_start()
    assert (decision.pack.version if decision.pack else None) == ("1.0" if len(names) == 1 else None)


def test_a_start_that_cannot_be_counted_runs_the_proven_pack(
    box: BoxSettings, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(box, workshop.pack("1.0"))
    settle(box)
    put(box, workshop.pack("1.1"))
    store = opened(box)

    def full(*_: object) -> None:
        raise store_module.PackError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store_module, "save_state", full)
        decision = store.begin_start()
        assert decision.pack is not None
        assert (decision.pack.version, decision.on_probation) == ("1.0", False)
        assert not store.alive(Signs(seconds_per_look=99.0))
    assert current(box) == ("1.1", "1.0")
    assert opened(box).begin_start().start == 1


def test_going_back_by_hand(box: BoxSettings, workshop: Workshop) -> None:
    with pytest.raises(PackError, match="no pack is in use: the box runs on its own settings already"):
        opened(box).roll_back()
    put(box, workshop.pack("1.0"))
    assert opened(box).roll_back().current is None
    with pytest.raises(PackError, match=r"1\.0 was given up on this box \(by_hand\)"):
        put(box, workshop.pack("1.0"))


def test_what_is_no_longer_used_and_half_written_is_removed(box: BoxSettings, workshop: Workshop) -> None:
    put(box, workshop.pack("1.0"))
    root = box.state / "packs"
    for name in (".tmp-abc", "0.9-123456789012"):
        (root / name).mkdir()
        (root / name / "x").write_bytes(b"x")
    opened(box).begin_start()
    assert sorted(path.name.split("-")[0] for path in root.iterdir()) == [
        "1.0",
        "incoming",
        "installing",
        "lock",
        "state.copy.json",
        "state.json",
    ]


def test_trust_of_the_tests_is_for_packs_alone() -> None:
    assert PACK_TRUST.names("packs") == "city"
    assert PACK_TRUST.names("models") == "nobody"
