from __future__ import annotations

import pytest

from models.errors import RecipeError
from models.slots import SPARE_NAMES, assign_slots, taught_cues

NAMES = {0: "person", 1: "dining table", 2: "toothbrush", 3: "hair drier"}


@pytest.mark.parametrize(
    ("cues", "expected"),
    [
        (["person"], {"person": 0}),
        (["table"], {"table": 1}),  # COCO calls it otherwise
        (["signboard"], {"signboard": 2}),  # a new cue takes a spare row
        (["banner", "person", "signboard"], {"banner": 2, "person": 0, "signboard": 3}),  # and keeps the order
    ],
)
def test_rows(cues: list[str], expected: dict[str, int]) -> None:
    slots = assign_slots(cues, NAMES)
    assert slots == expected
    assert list(slots) == cues


@pytest.mark.parametrize(
    ("cues", "message"),
    [
        (["person", "person"], "'person' is listed twice"),
        (["banner", "signboard", "stall"], "no spare row left for the new cue 'stall'"),
    ],
)
def test_impossible(cues: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        assign_slots(cues, NAMES)


def test_only_known_cues_are_taught() -> None:
    assert taught_cues(["table", "signboard", "person"], NAMES) == {1: "table", 0: "person"}


def test_spare_names_are_no_street_things() -> None:
    assert not {"person", "bicycle", "car", "stop sign", "bench"} & set(SPARE_NAMES)
