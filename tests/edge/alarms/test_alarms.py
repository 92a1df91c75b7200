"""Alarms begin when something lasts, end when it is gone, and tell what to do in both languages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from detector.errors import InputError
from edge.alarms.alarms import Alarms
from edge.alarms.findings import AlarmLimits
from edge.alarms.heat import Heat, read_heat
from edge.alarms.rules import RULES
from edge.alarms.texts import TEXTS
from edge.box.health import Alarm, BoxHealth
from edge.sources.live.picture import CameraState
from tests.edge.healthy import BEGIN, GIB, camera, healthy

MIB = 1024**2
COOL = Heat(50.0, 0)


def run(
    alarms: Alarms, seconds: range, make: Callable[[float], BoxHealth] = healthy
) -> Iterator[tuple[int, tuple[Alarm, ...]]]:
    for second in seconds:
        yield second, alarms.take(make(second))


def first_second(make: Callable[[float], BoxHealth], seconds: range, heat: Heat = COOL) -> dict[str, int]:
    """When each alarm first stood."""
    found: dict[str, int] = {}
    for second, standing in run(Alarms(heat=lambda: heat), seconds, make):
        for alarm in standing:
            found.setdefault(alarm.code, second)
    return found


WAITS = {"queued": 3, "stored": 4}
HOURS = range(0, 8600, 10)


@pytest.mark.parametrize(
    ("make", "seconds", "expected"),
    [
        (healthy, range(300), {}),
        (lambda s: healthy(s, cameras=(camera(CameraState.AWAY, looks=5),)), range(30), {"camera_away": 15}),
        (lambda s: healthy(s, cameras=(camera(CameraState.STALLED, looks=5),)), range(30), {"camera_stalled": 10}),
        (lambda s: healthy(s, cameras=(camera(looks=5),)), range(200), {"no_looks": 121}),
        (lambda s: healthy(s, cameras=(camera(looks=int(s), unjudged="another shape"),)), range(30), {"not_judged": 5}),
        # A camera that is late by its pictures, and one that is late by its looks.
        (lambda s: healthy(s, cameras=(camera(looks=int(s), age_s=2.5),)), range(40), {"frame_old": 20}),
        (lambda s: healthy(s, cameras=(camera(looks=int(s), look_age_p99_s=2.5),)), range(40), {"frame_old": 20}),
        (lambda s: healthy(s, gnss={"state": "no_fix"}), range(90), {"gnss_no_fix": 60}),
        (lambda s: healthy(s, gnss={"state": "silent"}), range(90), {"gnss_silent": 10}),
        (lambda s: healthy(s, gnss={"state": "off"}), range(90), {}),
        (lambda s: healthy(s, store={"disk_free_bytes": 1 * GIB}), range(30), {"disk_low": 10}),
        (lambda s: healthy(s, store={"disk_free_bytes": 100 * MIB}), range(30), {"disk_full": 3}),
        (lambda s: healthy(s, store={"trouble": "EIO"}), range(30), {"store_trouble": 3}),
        (lambda s: healthy(s, store={"originals_bytes": 16 * GIB}), range(30), {"originals_full": 10}),
        # 100 MiB more wait after two hours than before, and the server answers.
        (lambda s: healthy(s, outbox={"bytes_waiting": int(s * MIB / 60)}), HOURS, {"outbox_growing": 7800}),
        # The same without a link is no trouble of the outbox.
        (
            lambda s: healthy(s, outbox={"bytes_waiting": int(s * MIB / 60)}, link={"contact_age_s": 100.0 + s}),
            HOURS,
            {"link_away": 810},
        ),
        (lambda s: healthy(s, outbox=WAITS), HOURS, {"outbox_stuck": 3610}),
        (lambda s: healthy(s, outbox={"queued": 3, "stored": int(s)}), HOURS, {}),
        (lambda s: healthy(s, outbox={"refused": 1}), range(3), {"outbox_held": 0}),
        # Never a word since the start of the box, 100 s before.
        (lambda s: healthy(s, link={"contact_age_s": None}), HOURS, {"link_away": 810}),
        (lambda s: healthy(s, link={"contact_age_s": None, "used": False}), HOURS, {}),
        (lambda s: healthy(s, link={"contact_age_s": 5000.0, "refused": True}), range(3), {"token_refused": 0}),
        (
            lambda s: healthy(s, link={"metered": True, "budget_bytes": 9, "sent_today_bytes": 9}),
            range(20),
            {"budget_spent": 10},
        ),
        (lambda s: healthy(s, time_told_by="unset"), range(90), {"clock_unset": 60}),
        (lambda s: healthy(s, link={"clock_offset_s": -86400.0}), range(90), {"clock_off": 60}),
        (lambda s: healthy(s, rss_bytes=int((200 + s / 60) * MIB)), HOURS, {"memory_growing": 7800}),
        # It rises and falls again: that is work, not a leak.
        (lambda s: healthy(s, rss_bytes=int((200 + (s % 1800) / 6) * MIB)), HOURS, {}),
    ],
)
def test_begins(make: Callable[[float], BoxHealth], seconds: range, expected: dict[str, int]) -> None:
    assert first_second(make, seconds) == expected


def test_heat() -> None:
    assert first_second(healthy, range(40), Heat(90.0, 0)) == {"cpu_hot": 30}
    assert first_second(healthy, range(40), Heat(None, 7)) == {}  # throttled before this run: long over
    counts = iter([3, 3, 4, *[4] * 200])
    alarms = Alarms(heat=lambda: Heat(None, next(counts)))
    codes = [[a.code for a in standing] for _, standing in run(alarms, range(160))]
    assert [bool(c) for c in codes[:4]] == [False, False, True, True]
    assert codes[100] == ["cpu_throttled"]
    assert codes[130] == []  # a minute of patience after the minute it tells of


def test_a_short_gap_begins_anew_and_a_short_pause_does_not_end() -> None:
    def gnss(second: float) -> BoxHealth:
        return healthy(second, gnss={"state": "fix" if second == 40 or 70 <= second < 75 + 40 else "no_fix"})

    standing = {second: bool(now) for second, now in run(Alarms(heat=lambda: COOL), range(40 + 120), gnss)}
    assert not any(standing[s] for s in range(60))  # 40 s, a fix, 29 s: never a minute
    alarms = Alarms(heat=lambda: COOL)
    seen = [bool(alarms.take(healthy(s, gnss={"state": "fix" if 65 <= s < 70 else "no_fix"}))) for s in range(90)]
    assert seen == [False] * 60 + [True] * 30


def test_trembling_at_the_limit_is_one_alarm() -> None:
    alarms = Alarms(AlarmLimits(disk_reserve_bytes=100), heat=lambda: COOL)
    low = [alarms.take(healthy(s, store={"disk_free_bytes": 295 if s % 2 else 305})) for s in range(3)]
    assert low == [(), (), ()]
    for second in range(3, 15):
        alarms.take(healthy(second, store={"disk_free_bytes": 295}))
    trembling = {alarms.take(healthy(15 + s, store={"disk_free_bytes": 395 - s % 2}))[0].since for s in range(100)}
    assert len(trembling) == 1
    for second in range(115, 180):
        alarms.take(healthy(second, store={"disk_free_bytes": 500}))
    assert alarms.now == ()
    assert [(e.alarm.code, e.cleared_at) for e in alarms.ended] == [("disk_low", BEGIN + timedelta(seconds=175))]


def test_since_follows_a_clock_that_is_set() -> None:
    alarms = Alarms(heat=lambda: COOL)
    for second in range(70):
        alarms.take(healthy(second, gnss={"state": "no_fix"}))
    set_clock = healthy(70, gnss={"state": "no_fix"}, at=BEGIN + timedelta(days=365, seconds=70))
    assert alarms.take(set_clock)[0].since == BEGIN + timedelta(days=365)


def test_gravest_first_and_told_by_others() -> None:
    alarms = Alarms(heat=lambda: COOL)
    alarms.tell("lens_dirty", "front", on=True, figure="左上 {about} 12 %\n")
    alarms.tell("pack_rolled_back", "3.2", on=True, figure="golden pictures")
    found = alarms.take(healthy(0))
    assert [(a.code, a.severity, a.about) for a in found] == [
        ("pack_rolled_back", "critical", "3.2"),
        ("lens_dirty", "warning", "front"),
    ]
    # A figure is text, never a template.
    assert "左上 {about} 12 % " in found[1].text.zh
    alarms.tell("lens_dirty", "front", on=False)
    codes = [[a.code for a in now] for _, now in run(alarms, range(1, 13))]
    assert codes[0] == ["pack_rolled_back", "lens_dirty"]
    assert codes[-1] == ["pack_rolled_back"]
    with pytest.raises(InputError, match="no alarm has the code 'lens'; there are budget_spent, "):
        alarms.tell("lens", on=True)


def test_every_rule_has_words_in_both_languages() -> None:
    assert {rule.code for rule in RULES} == set(TEXTS)
    for text in TEXTS.values():
        assert any("\u4e00" <= c <= "\u9fff" for c in text.zh)
        assert text.en.isascii()
        assert "{about}" not in text.en or "{about}" in text.zh


def test_limits_above_nothing() -> None:
    with pytest.raises(InputError, match=r"limits of alarms must be above 0, got AlarmLimits\("):
        AlarmLimits(frame_age_s=0.0)


def test_sensors(tmp_path: Path) -> None:
    zones, cpus = tmp_path / "thermal", tmp_path / "cpu"
    for name, text in {"thermal_zone0": "48000", "thermal_zone1": "91500", "thermal_zone2": "-274000"}.items():
        (zones / name).mkdir(parents=True)
        (zones / name / "temp").write_text(text)
    (zones / "thermal_zone3" / "temp").mkdir(parents=True)  # cannot be read
    for core, count in enumerate(("2", "3", "nonsense")):
        folder = cpus / f"cpu{core}" / "thermal_throttle"
        folder.mkdir(parents=True)
        (folder / "core_throttle_count").write_text(count)
    assert read_heat(zones, cpus) == Heat(91.5, 5)
    assert read_heat(tmp_path / "no", tmp_path / "no") == Heat(None, 0)
