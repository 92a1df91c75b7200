"""The box's threads end in a result or an error."""

from __future__ import annotations

import threading
import time

import pytest

from edge.box.crew import Crew, Pulse


def test_what_a_thread_ends_with_is_raised_where_somebody_listens() -> None:
    def breaks(pulse: Pulse) -> None:
        raise RuntimeError("the lens fell off")

    with Crew() as crew:
        crew.start("camera front", breaks)
        assert crew.stop.wait(5.0)
        with pytest.raises(RuntimeError, match="the lens fell off") as raised:
            crew.check()
    assert raised.value.__notes__ == ["in thread camera front"]


def test_one_thread_that_breaks_ends_the_others() -> None:
    ended = threading.Event()

    def waits(pulse: Pulse) -> None:
        while not pulse.over:
            time.sleep(0.01)
        ended.set()

    def breaks(pulse: Pulse) -> None:
        raise ValueError

    with Crew() as crew:
        crew.start("waits", waits)
        crew.start("breaks", breaks)
        assert ended.wait(5.0)


def test_a_thread_that_hangs_shows_by_its_age_and_one_that_is_done_does_not() -> None:
    let_go = threading.Event()

    def hangs(pulse: Pulse) -> None:
        let_go.wait(10.0)

    def is_done(pulse: Pulse) -> None:
        return

    crew = Crew()
    crew.start("done", is_done)
    crew.start("hangs", hangs)
    time.sleep(0.3)
    assert 0.25 < crew.age_s() < 5.0
    let_go.set()
    with crew:
        pass
    assert crew.age_s() == 0.0
