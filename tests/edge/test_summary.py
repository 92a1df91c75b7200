"""What the user sees at the end."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from detector.hit import PassOffset
from edge.progress import ProgressBar
from edge.registered import Registered
from edge.result import PatrolResult, ReportLine, located, report_line
from edge.summary import look_alikes_text, print_result
from tests.edge.hits import hit, place

EMPTY = PatrolResult(
    "p" * 32, "wall-cam", 55, 2.2, 1.5, 4, (), {"ridden_bike": 2, "moving_vehicle": 14, "passer_by": 2}
)
LINE = report_line("r1", "k1", hit(where=place(), count=3), synthetic=True)


def _printed(result: PatrolResult) -> str:
    text = io.StringIO()
    print_result(Console(file=text, width=220), result)
    return text.getvalue()


def test_no_cases_still_name_what_was_looked_at() -> None:
    text = _printed(EMPTY)
    assert "0 起问题 · 0 cases" in text
    assert "moving vehicle 14, passer-by 2, ridden bike 2" in text
    assert "行驶中的车辆 14，过路行人 2，有人骑行的车 2" in text
    assert look_alikes_text(replace(EMPTY, look_alikes={})).endswith("无 · none")


def test_a_report_shows_place_errors_and_reasons() -> None:
    text = _printed(replace(EMPTY, reports=(located(LINE, case_url="http://s/cases/1"),)))
    for part in ("非机动车乱停放", "disorderly bike x 3", "0.91", "117.200000, 34.260000", "synthetic position",
                 "own 0.50 m", "pass 3.00 m", "stands on the pavement [here]", "http://s/cases/1"):  # fmt: skip
        assert part in text


def test_an_unknown_place_is_named() -> None:
    text = _printed(replace(EMPTY, reports=(report_line("r1", "k1", hit(where=None), synthetic=False),)))
    assert "位置未知 · place unknown" in text


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({}, 0, "0 cases"),
        ({"partial": True, "warnings": ("a.mp4 is cut off",)}, 3, "note: a.mp4 is cut off"),
        ({"waiting": 2, "partial": True}, 75, "2 reports wait for the server"),
        ({"troubled": True, "warnings": ("report 1: conflict",)}, 1, "note: report 1: conflict"),
        ({"interrupted": True}, 130, "run the same command again"),
    ],
)
def test_exit_codes(changes: dict[str, object], code: int, words: str) -> None:
    result = replace(EMPTY, **changes)
    assert result.exit_code == code
    assert words in _printed(result)


def test_json_has_what_the_demo_reads() -> None:
    data = json.loads(json.dumps(replace(EMPTY, reports=(LINE,)).to_json()))
    (report,) = data["reports"]
    assert report["place"] == {
        "lon_deg": 117.2, "lat_deg": 34.26, "sigma_own_m": 0.5, "sigma_pass_m": 3.0, "synthetic": True,
        "moved_m": None,
    }  # fmt: skip
    assert report["kind_text"] == "非机动车乱停放 · disorderly bike"
    assert report["case_url"] is None
    assert data["look_alikes"]["moving_vehicle"] == 14
    assert data["frames"] == 55
    assert data["exit_code"] == 0
    assert ReportLine.from_json(report) == LINE


def test_the_bar_is_silent_without_a_terminal() -> None:
    text = io.StringIO()
    with ProgressBar(Console(file=text, force_terminal=False)) as bar:
        bar.begin("a.mp4", 10.0)
        bar.advance(5.0, "note")
    assert text.getvalue() == ""


def test_the_bar_shows_after_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr("edge.progress.SHOW_AFTER_S", -1.0)
    with ProgressBar(Console(file=text, force_terminal=True, width=100)) as bar:
        bar.begin("street [1].mp4", 10.0)
        bar.advance(5.0, "22 pictures/s")
        bar.begin("next.mp4", 10.0)
    assert "street [1].mp4" in text.getvalue()


def test_places_moved_onto_the_map_say_by_how_much() -> None:
    offset = PassOffset(3.0, -4.0, ((0.4, 0.0), (0.0, 0.4)), 6)
    line = report_line("r1", "k1", hit(where=replace(place(), offset=offset)), synthetic=False)
    result = replace(EMPTY, reports=(line,), registered=Registered(7, 9, 4.21))
    text = _printed(result)
    assert "moved onto the map 5.0 m" in text
    assert "places registered to the map: 7/9, 中位平移 · median shift 4.2 m" in text
    told = json.loads(json.dumps(result.to_json()))
    assert told["registered"] == {"places": 7, "of": 9, "median_shift_m": 4.21}
    assert told["reports"][0]["place"]["moved_m"] == 5.0
    assert ReportLine.from_json(told["reports"][0]) == line


def test_a_standing_camera_registers_nothing() -> None:
    assert "registered" not in _printed(EMPTY)
    assert "median shift" not in _printed(replace(EMPTY, registered=Registered(0, 4)))
