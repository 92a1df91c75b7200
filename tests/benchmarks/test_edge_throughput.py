"""The yardstick itself: CPU of the whole tree, its memory, and goals that are told when they are missed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from benchmarks.edge_throughput import measure
from benchmarks.edge_throughput.__main__ import DEFAULTS, LOOKS, OURS, PARTS, TUNED, Results, goals
from benchmarks.edge_throughput.measure import Run

CHILD = "b = b'x' * 80_000_000; n = sum(range(15_000_000))"
PARENT = f"""
import os, subprocess, sys, time
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
print("first", flush=True)
time.sleep(0.3)
print('{{"end_cpu_s": 1.5}}')
"""


def test_children_count() -> None:
    one = measure.run([sys.executable, "-c", PARENT], range(1))
    alone = measure.run([sys.executable, "-c", 'print("{}")'], range(1))
    assert one.marks == {"end_cpu_s": 1.5}
    assert one.cpu_s > alone.cpu_s + 0.2
    assert one.peak_rss_bytes > 80_000_000
    assert one.peak_pss_bytes > 80_000_000
    assert one.first_s > 0.0
    assert alone.first_s == 0.0


def test_a_contender_that_fails_says_why() -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        measure.run([sys.executable, "-c", "raise SystemExit('no network')"], range(1))
    assert b"no network" in failed.value.output


def test_a_contender_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_LIMIT_S", 0.5)
    with pytest.raises(TimeoutError, match="took longer than"):
        measure.run([sys.executable, "-c", "import time; time.sleep(60)"], range(1))


def results(**picture_s: float) -> Results:
    """One run of each contender on one CPU, 110 pictures of which ten are the start; all found the same box."""
    made = Results(pictures=110)
    for name in (OURS, LOOKS, DEFAULTS, TUNED, PARTS):
        marks = {"warm_cpu_s": 2.0, "end_cpu_s": 2.0 + 100 * picture_s[name]}
        made.runs[name, 1] = [Run(0.0, marks, first_s=1.2, peak_rss_bytes=250_000_000, peak_pss_bytes=240_000_000)]
        made.boxes[name, 1] = np.array([[0, 10, 10, 50, 50, 0.9, 2]])
    return made


def test_goals_that_are_met() -> None:
    rows = goals(results(ours=0.08, looks=0.02, a=0.25, b=0.09, c=0.17), [1])
    assert [met for _, _, met in rows] == [True] * len(rows)


@pytest.mark.parametrize(
    ("costs", "missed"),
    [
        ({"a": 0.23}, "every picture: (a) takes >= 3 x"),
        ({"c": 0.15}, "every picture: (c) takes >= 2 x"),
        ({"b": 0.07}, "every picture: not slower than (b)"),
        ({"a": 0.25, "looks": 0.026}, "a kilometre: (a) takes >= 10 x"),
        ({"looks": 0.031, "a": 0.4}, "a kilometre: (b) takes >= 3 x"),
    ],
)
def test_goals_that_are_missed(costs: dict[str, float], missed: str) -> None:
    rows = goals(results(**{"ours": 0.08, "looks": 0.02, "a": 0.25, "b": 0.09, "c": 0.17, **costs}), [1])
    assert [text for text, _, met in rows if not met] == [f"1 CPU: {missed}"]


def test_other_boxes_are_a_missed_goal() -> None:
    made = results(ours=0.08, looks=0.02, a=0.25, b=0.09, c=0.17)
    made.boxes[OURS, 1] = np.array([[0, 10, 10, 90, 90, 0.9, 2]])
    assert [(text, value) for text, value, met in goals(made, [1]) if not met] == [
        ("1 CPU: boxes as (a), float32 >= 0.99", 0.0)
    ]
