"""The reviewer of the label loop: decides by hand labels, and works the case pages with keys and pointer.

A person looks at the picture; this reviewer looks the box up among the picture's hand labels. What no label can tell
(is this sign filed, is that a bay?) is made up: every third thing that is there and well boxed counts as permitted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import Any

import httpx
import numpy as np
from selenium.webdriver.common.keys import Keys

from benchmarks.loop_street import Labelled, Xyxy
from detector.boxes import iou_matrix
from tests.server.live import LiveServer
from tests.server.web.reviewer import Reviewer

SAME_THING_IOU = 0.5
WELL_BOXED_IOU = 0.75
DRAWN_WITHIN_PX = 3.0
"""A box is drawn by hand on a scaled picture: its edges may be so far off."""


class Decision(StrEnum):
    """What is done with a case."""

    CONFIRM = "confirmed as it was"
    ALLOW = "rejected as allowed"
    WRONG = "rejected as not the object"
    OTHER_CUE = "confirmed with the object changed"
    REDRAW = "confirmed with the box redrawn"

    @property
    def confirms(self) -> bool:
        """Whether the case ends as confirmed; else it ends as rejected."""
        return self not in (Decision.ALLOW, Decision.WRONG)


_AT_MOST = {Decision.OTHER_CUE: 4, Decision.WRONG: 6, Decision.REDRAW: 7, Decision.ALLOW: 5}
"""Rare decisions come first, so that each kind of them occurs; confirmations fill up."""
_REASON = {
    ("illegal_signage", Decision.ALLOW): "object_but_allowed:filed_sign",
    ("illegal_signage", Decision.WRONG): "not_the_object:part_of_building",
    ("disorderly_bike", Decision.ALLOW): "object_but_allowed:bike_in_bay",
    ("disorderly_bike", Decision.WRONG): "not_the_object:other_object",
}


@dataclass(frozen=True)
class Task:
    """One case and what the hand labels say about it.

    Attributes:
        cue: what the thing is by the hand labels; the model's word where it is none.
        truth_px: its hand-drawn box, `None` where the model saw something that is not there.
    """

    case_id: int
    kind: str
    decision: Decision
    cue: str
    truth_px: Xyxy | None


def read_case(client: httpx.Client, case_id: int) -> dict[str, Any]:
    """A case as the server's API gives it."""
    case: dict[str, Any] = client.get(f"/api/v1/cases/{case_id}").raise_for_status().json()
    return case


def make_tasks(cases: Iterable[tuple[dict[str, Any], Labelled]], count: int) -> list[Task]:
    """The `count` cases to review, of all cases with the pictures that they show."""
    tasks: list[Task] = []
    well_boxed = 0
    for case, picture in cases:
        if case["cue"] not in picture.looked_for or (case["kind"], Decision.WRONG) not in _REASON:
            continue
        cue, truth_px, iou = _truth(_subject(case["sighting_list"][0]), picture)
        if truth_px is None:
            decision = Decision.WRONG
        elif cue != case["cue"]:
            decision = Decision.OTHER_CUE
        elif iou < WELL_BOXED_IOU:
            decision = Decision.REDRAW
        else:
            well_boxed += 1
            decision = Decision.ALLOW if well_boxed % 3 == 0 else Decision.CONFIRM
        tasks.append(Task(case["id"], case["kind"], decision, cue or case["cue"], truth_px))
    return _choose(_kinds_in_turn(tasks), count)


def _kinds_in_turn(tasks: Sequence[Task]) -> list[Task]:
    """The first of each kind, the second of each kind and so on: a common kind leaves room for a rare one."""
    by_kind: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        by_kind[task.kind].append(task)
    return [task for turn in zip_longest(*by_kind.values()) for task in turn if task is not None]


def _choose(tasks: Sequence[Task], count: int) -> list[Task]:
    chosen: list[Task] = []
    for decision, most in _AT_MOST.items():
        chosen += [task for task in tasks if task.decision is decision][:most]
    rest = [task for task in tasks if task not in chosen]
    rest.sort(key=lambda task: task.decision is not Decision.CONFIRM)
    return sorted((chosen + rest)[:count], key=lambda task: task.case_id)


def is_labelled(body: dict[str, Any], picture: Labelled) -> bool:
    """Whether the thing that a report is about has a hand label of its cue."""
    return _truth(_subject(body), picture)[0] == body["cue"]


def _subject(report: dict[str, Any]) -> Xyxy:
    stills = [item for item in report["evidence"] if item["role"] == "still_full"]
    left, top, right, bottom = next(box["xyxy_px"] for box in stills[0]["boxes"] if box["subject"])
    return left, top, right, bottom


def _truth(seen_px: Xyxy, picture: Labelled) -> tuple[str | None, Xyxy | None, float]:
    if not picture.boxes:
        return None, None, 0.0
    drawn_px = np.array([box for _, box in picture.boxes], np.float64)
    overlaps = iou_matrix(np.array([seen_px], np.float64), drawn_px)[0]
    best = int(overlaps.argmax())
    if overlaps[best] < SAME_THING_IOU:
        return None, None, 0.0
    cue, box = picture.boxes[best]
    return cue, box, float(overlaps[best])


def review(reviewer: Reviewer, tasks: Sequence[Task]) -> Counter[Decision]:
    """Work through the cases in the browser; each is seen to end as it should.

    Raises:
        TimeoutException: a page did not show what a decision must bring.
    """
    done: Counter[Decision] = Counter()
    for task in tasks:
        reviewer.open(f"/cases/{task.case_id}")
        reviewer.state("pending")
        _decide(reviewer, task)
        done[task.decision] += 1
    return done


def _decide(reviewer: Reviewer, task: Task) -> None:
    if task.decision.confirms:
        if task.decision is Decision.OTHER_CUE:
            _change_cue(reviewer, task.cue)
        if task.decision is Decision.REDRAW and task.truth_px is not None:
            _redraw(reviewer, task.truth_px)
        reviewer.press("c")
        reviewer.state("confirmed")
        return
    reviewer.press("r")
    reason = _REASON[task.kind, task.decision]
    reviewer.press(str(reviewer.find(f"#reject-dialog[open] [value='{reason}']").get_attribute("data-key")))
    reviewer.state("rejected")


def _change_cue(reviewer: Reviewer, cue: str) -> None:
    reviewer.press("e")
    reviewer.find(f"#cue-dialog[open] [value='{cue}']").send_keys(Keys.ENTER)
    reviewer.find(f"#cue-dialog:not([open]) [value='{cue}'][aria-pressed=true]")


def _redraw(reviewer: Reviewer, box_px: Xyxy) -> None:
    reviewer.press("b")
    reviewer.find("#stage.drawing")
    left, top, right, bottom = box_px
    reviewer.drag("mouse", (left, top), (right, bottom))
    reviewer.press(Keys.ENTER)
    reviewer.until(lambda: "redrawn" in reviewer.text("#history"))
    shown = reviewer.find("#overlay rect.subject")
    x, y, width, height = (float(shown.get_attribute(name) or "nan") for name in ("x", "y", "width", "height"))
    drawn_px = (x, y, x + width, y + height)
    if not all(abs(a - b) <= DRAWN_WITHIN_PX for a, b in zip(drawn_px, box_px, strict=True)):
        raise AssertionError(f"the box was drawn at {drawn_px}, not at {box_px}")


@contextmanager
def signed_in(server: LiveServer) -> Iterator[httpx.Client]:
    """The reviewer's session at the API, to read what the pages show."""
    with httpx.Client(base_url=server.url, timeout=20.0, trust_env=False) as client:
        who = {"name": server.reviewer, "password": server.password}
        client.post("/api/v1/session", json=who).raise_for_status()
        yield client
