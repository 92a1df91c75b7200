"""Ctrl-C is noted, told once, and never lost."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from edge.interrupt import ctrl_c


def test_one_press_is_told_at_the_next_check() -> None:
    with ctrl_c() as pressed:
        pressed.check()
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            pressed.check()
        pressed.check()


def test_a_second_press_interrupts_at_once() -> None:
    with ctrl_c():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_afterwards_the_handler_is_the_one_from_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with ctrl_c():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_another_thread_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def look() -> None:
        with ctrl_c() as pressed:
            pressed.check()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
