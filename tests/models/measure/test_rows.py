from __future__ import annotations

import json

import pytest

from models.measure.rows import Scores, measured_rows, row_content, unmeasured
from tests.models.measure.pictures import matches, picture


def test_sources_and_splits_are_never_pooled() -> None:
    good = matches(*(picture(f"p{n}", [(0.9, True)], 1) for n in range(6)), source="good")
    bad = matches(picture("q", [(0.9, False)], 2), source="bad")
    val = matches(picture("q", [], 2), source="good", split="val")
    rows = measured_rows([good, bad, val], {"signboard": 0.5})
    assert [(row.source, row.split, row.images, row.places, row.boxes) for row in rows] == [
        ("bad", "test", 1, 1, 2),
        ("good", "test", 6, 6, 6),
        ("good", "val", 1, 1, 2),
    ]
    assert [row.scores for row in rows] == [
        Scores(0.0, 0.0, 0.0, 0.0),
        Scores(1.0, 1.0, 1.0, 1.0),
        Scores(0.0, 0.0, None, 0.0),
    ]
    assert [row.intervals.unit for row in rows] == ["picture", "place", "picture"]
    assert rows[1].intervals.ap50 == (1.0, 1.0)
    assert rows[2].intervals.precision is None


def test_a_cue_without_boxes_has_no_row() -> None:
    assert measured_rows([matches(picture("a", [(0.9, False)], 0))], {"signboard": 0.5}) == []


def test_unknown_places_are_not_counted() -> None:
    (row,) = measured_rows([matches(picture("", [(0.9, True)], 1), picture("a", [], 1))], {"signboard": 0.5})
    assert row.places is None


def test_start_weights_stand_beside_the_same_pictures() -> None:
    ours = [matches(picture("a", [(0.9, True)], 1)), matches(picture("a", [(0.9, True)], 1), cue="stall")]
    start = [matches(picture("a", [(0.9, False), (0.6, True)], 1))]
    rows = measured_rows(ours, {"signboard": 0.7, "stall": 0.5}, start)
    assert [(row.cue, row.start_weights) for row in rows] == [
        ("signboard", Scores(0.5, 0.5, 0.0, 0.0)),  # at our threshold its right box is not reported
        ("stall", None),
    ]


def test_row_content_is_plain_json() -> None:
    (row,) = measured_rows([matches(picture("a", [(0.9, True)], 2))], {"signboard": 0.5})
    content = row_content(row)
    assert json.loads(json.dumps(content)) == content
    assert list(content) == [
        "cue", "source", "split", "images", "places", "boxes", "min_confidence",
        "AP50", "AP50-95", "precision", "recall", "intervals", "start_weights",
    ]  # fmt: skip
    assert content["intervals"]["recall"] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("split", "seen", "expected"),
    [
        ("test", [], ["person"]),
        ("val", [], ["person", "signboard"]),  # validation places chose the threshold: no test
        ("test", ["s"], ["person", "signboard"]),  # the network was trained on this source
    ],
)
def test_unmeasured(split: str, seen: list[str], expected: list[str]) -> None:
    rows = measured_rows([matches(picture("a", [(0.9, True)], 1), split=split)], {"signboard": 0.5})
    assert unmeasured(["person", "signboard"], rows, seen) == expected
