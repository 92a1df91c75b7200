"""Which picture the caller gets, told apart from any process."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from detector.frame import Frame
from edge.sources.errors import SourceUnreadableError
from edge.sources.live.picture import PictureNote
from edge.sources.live.tray import Tray

BEGUN = datetime(2026, 5, 4, tzinfo=UTC)


def note(seq: int) -> PictureNote:
    return PictureNote(seq, BEGUN + timedelta(seconds=seq), float(seq), 0.0)


def frame(seq: int) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), seq, BEGUN, float(seq), "front")


class Child:
    """Answers at once with the picture asked for, or the first that it still holds."""

    def __init__(self, tray: Tray, first_seq: int = 0, oldest: int = 0) -> None:
        self.tray, self.first_seq, self.oldest = tray, first_seq, oldest
        self.asked: list[int] = []

    def ask(self, seq: int) -> None:
        self.asked.append(seq)
        self.tray.give(frame(self.first_seq + max(seq, self.oldest)))


class Silent(Child):
    """Takes its time."""

    def ask(self, seq: int) -> None:
        self.asked.append(seq)


def filled(first: int, last: int) -> Tray:
    tray = Tray("front")
    for seq in range(first, last + 1):
        tray.put(note(seq))
    return tray


@pytest.mark.parametrize(
    ("wants", "oldest", "got"),
    [
        (None, 0, 9),
        (lambda n: n.seq in (2, 6), 0, 6),
        (lambda n: False, 0, None),
        # The wanted one has left the child: the first it still holds.
        (lambda n: n.seq == 2, 7, 7),
    ],
)
def test_the_newest_wanted(wants, oldest: int, got: int | None):
    tray = filled(0, 9)
    child = Child(tray, oldest=oldest)
    tray.begin(child, 0)
    found = tray.newest(timeout_s=0.01, wants=wants)
    assert (None if found is None else found.seq) == got
    # All were asked about: nothing comes twice.
    assert tray.newest(timeout_s=0.01, wants=None) is None


def test_seq_goes_on_over_children():
    tray = filled(100, 103)
    child = Child(tray, first_seq=100)
    tray.begin(child, 100)
    found = tray.newest(timeout_s=1, wants=None)
    assert found is not None
    assert (found.seq, child.asked) == (103, [3])


def test_an_answer_that_came_too_late_is_stale_when_a_newer_one_is_wanted():
    tray = filled(0, 3)
    child = Silent(tray)
    tray.begin(child, 0)
    assert tray.newest(timeout_s=0.01, wants=None) is None
    # Asked again nobody asks for a second picture while the first is on its way.
    assert tray.newest(timeout_s=0.01, wants=None) is None
    assert child.asked == [3]
    tray.give(frame(3))
    found = tray.newest(timeout_s=0.01, wants=None)
    assert found is not None
    assert found.seq == 3
    tray.put(note(4))
    assert tray.newest(timeout_s=0.01, wants=None) is None
    tray.give(frame(4))
    tray.put(note(5))
    tray.begin(answering := Child(tray), 0)
    found = tray.newest(timeout_s=0.01, wants=None)
    assert found is not None
    assert (found.seq, answering.asked) == (5, [5])


def test_a_child_that_dies_while_it_is_waited_for():
    tray = filled(0, 3)
    tray.begin(Silent(tray), 0)
    got: list[Frame | None] = []
    caller = threading.Thread(target=lambda: got.append(tray.newest(timeout_s=10, wants=None)))
    caller.start()
    tray.end()
    tray.begin(Child(tray, first_seq=4), 4)
    tray.put(note(4))
    caller.join(10)
    assert [None if found is None else found.seq for found in got] == [4]


def test_closed_while_it_is_waited_for():
    tray, errors = Tray("front"), list[str]()

    def wait() -> None:
        try:
            tray.newest(timeout_s=10, wants=None)
        except SourceUnreadableError as error:
            errors.append(str(error))

    caller = threading.Thread(target=wait)
    caller.start()
    tray.close()
    caller.join(5)
    assert errors == ["camera front is closed"]
