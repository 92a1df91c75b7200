"""What the reviewer of the label loop decides from hand labels, and how its pictures are dealt out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.label_loop import BrokenLoop, hold, picture_number
from benchmarks.loop_review import Decision, make_tasks
from benchmarks.loop_street import BEATS, Labelled, Xyxy, every_other_scene, labelled_pictures

SEEN: Xyxy = (100.0, 100.0, 200.0, 200.0)


def _case(case_id: int, cue: str = "signboard", kind: str = "illegal_signage") -> dict[str, Any]:
    box = {"xyxy_px": list(SEEN), "cue": cue, "confidence": 0.8, "subject": True}
    other = {**box, "xyxy_px": [0, 0, 10, 10], "subject": False}
    evidence = [{"role": "still_crop", "boxes": [box]}, {"role": "still_full", "boxes": [other, box]}]
    return {"id": case_id, "cue": cue, "kind": kind, "sighting_list": [{"evidence": evidence}]}


def _picture(*boxes: tuple[str, Xyxy], looked_for: str = "signboard awning motorcycle") -> Labelled:
    return Labelled(Path("a.jpg"), "a", boxes, frozenset(looked_for.split()))


@pytest.mark.parametrize(
    ("boxes", "decision", "cue"),
    [
        ([("signboard", (102.0, 100.0, 200.0, 200.0))], Decision.CONFIRM, "signboard"),
        ([("signboard", (100.0, 100.0, 200.0, 265.0))], Decision.REDRAW, "signboard"),  # IoU 0.61
        ([("awning", (100.0, 100.0, 200.0, 210.0))], Decision.OTHER_CUE, "awning"),
        ([("signboard", (100.0, 100.0, 200.0, 400.0))], Decision.WRONG, "signboard"),  # IoU 0.33: another thing
        ([], Decision.WRONG, "signboard"),
        # The nearest label decides, not the first.
        ([("awning", (0.0, 0.0, 50.0, 50.0)), ("signboard", SEEN)], Decision.CONFIRM, "signboard"),
    ],
)
def test_the_hand_labels_decide(boxes: list[tuple[str, Xyxy]], decision: Decision, cue: str) -> None:
    (task,) = make_tasks([(_case(7), _picture(*boxes))], 30)
    assert (task.case_id, task.decision, task.cue) == (7, decision, cue)


def test_every_third_well_boxed_thing_counts_as_permitted() -> None:
    tasks = make_tasks([(_case(number), _picture(("signboard", SEEN))) for number in range(6)], 30)
    assert [task.decision for task in tasks].count(Decision.ALLOW) == 2


def test_a_case_that_no_hand_label_can_judge_is_left_out() -> None:
    assert make_tasks([(_case(1), _picture(looked_for="car"))], 30) == []
    assert make_tasks([(_case(1, cue="motorcycle", kind="street_stall"), _picture())], 30) == []


def test_rare_decisions_are_among_the_chosen() -> None:
    plain = [(_case(number), _picture(("signboard", SEEN))) for number in range(60)]
    rare = [(_case(90), _picture(("awning", SEEN))), (_case(91), _picture())]
    chosen = make_tasks([*plain, *rare], 30)
    assert len(chosen) == 30
    assert {90, 91} <= {task.case_id for task in chosen}
    assert [task.case_id for task in chosen] == sorted(task.case_id for task in chosen)


def test_a_rare_kind_is_not_crowded_out() -> None:
    signs = [(_case(number), _picture(("signboard", SEEN))) for number in range(60)]
    bikes = [(_case(100 + n, "motorcycle", "disorderly_bike"), _picture(("motorcycle", SEEN))) for n in range(9)]
    kinds = [task.kind for task in make_tasks([*signs, *bikes], 30)]
    assert kinds.count("disorderly_bike") >= 6


def test_a_case_names_its_picture_by_its_time() -> None:
    assert picture_number({"first_seen_at": "2026-01-05T02:00:00Z"}) == 0
    assert picture_number({"first_seen_at": "2026-01-09T04:00:00+00:00"}) == 2


def test_no_scene_is_in_both_halves() -> None:
    pictures = [Labelled(Path(f"{number}.jpg"), scene, (), frozenset()) for number, scene in enumerate("aabbcd")]
    first, second = every_other_scene(pictures, 0), every_other_scene(pictures, 1)
    assert [picture.scene for picture in first] == ["a", "a", "c"]
    assert [picture.scene for picture in second] == ["b", "b", "d"]


def test_a_step_that_does_not_hold_ends_the_run() -> None:
    hold(True, "is not said")
    with pytest.raises(BrokenLoop, match="29 of 30"):
        hold(False, "29 of 30")


@pytest.mark.usefixtures("shared_data")
@pytest.mark.parametrize("beat", BEATS, ids=lambda beat: beat.camera)
def test_the_real_pictures_have_labels_inside_them(beat: Any) -> None:
    pictures = labelled_pictures(beat)
    assert len(pictures) >= 60
    for picture in pictures:
        for cue, (left, top, right, bottom) in picture.boxes:
            assert left < right, (picture.path.name, cue)
            assert top < bottom, (picture.path.name, cue)
            assert left > -2
            assert top > -2
            assert right < beat.size_px[0] + 2
            assert bottom < beat.size_px[1] + 2
