"""How long a child may be silent, and how long a camera is left alone."""

from __future__ import annotations

import random

import pytest

from detector.errors import InputError
from edge.sources.live.messages import PacketMessage, PictureMessage
from edge.sources.live.patience import Backoff, Patience
from edge.sources.live.watchdog import Watchdog

PATIENCE = Patience(stall_s=4.0, first_s=15.0)
PACKET, PICTURE = PacketMessage(0.0, None, None, True, b""), PictureMessage(0, 0.0, 0.0, 4, 4)


@pytest.mark.parametrize(
    ("heard", "now_s", "silence"),
    [
        ([], 14.9, ""),
        ([], 15.0, "no picture within 15 s: the camera does not answer"),
        # Packets without a key frame: still the long wait.
        ([(PACKET, 1.0)], 14.9, ""),
        ([(PACKET, 14.0)], 15.0, "no picture within 15 s: the camera does not answer"),
        ([(PICTURE, 3.0)], 6.9, ""),
        ([(PICTURE, 3.0)], 7.0, "nothing came for 4 s: the camera or its network hangs"),
        # Packets keep coming, but all that is decoded is damaged.
        ([(PICTURE, 3.0), (PACKET, 17.0)], 17.9, ""),
        ([(PICTURE, 3.0), (PACKET, 17.0)], 18.0, "only damaged pictures for 15 s"),
    ],
)
def test_silence(heard: list[tuple[PacketMessage | PictureMessage, float]], now_s: float, silence: str):
    watchdog = Watchdog(PATIENCE, 0.0)
    for message, at_s in heard:
        watchdog.heard(message, at_s)
    assert watchdog.silence(now_s) == silence
    assert (watchdog.left_s(now_s) == 0.0) is bool(silence)


def test_good_seconds():
    watchdog = Watchdog(PATIENCE, 0.0)
    assert watchdog.good_s == 0.0
    for at_s in (2.0, 3.0, 9.0):
        watchdog.heard(PICTURE, at_s)
    assert watchdog.good_s == 7.0


def test_waits_grow_to_a_bound_and_differ():
    backoff, random_ = Backoff(first_s=0.5, factor=2.0, most_s=5.0, jitter=0.3), random.Random(1)
    for failures, longest_s in [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 5.0), (10**9, 5.0)]:
        waits = [backoff.wait_s(failures, random_) for _ in range(20)]
        assert all(0.7 * longest_s <= wait <= longest_s for wait in waits)
        assert len(set(waits)) == 20


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_patience_without_end_or_none_at_all(value: float):
    with pytest.raises(InputError, match=f"stall_s {value} must be above 0 and at most 86,400 seconds"):
        Patience(stall_s=value)


def test_an_address_where_nothing_answers_is_asked_again_soon():
    waits = [Backoff().unreached_wait_s(random.Random(seed)) for seed in range(20)]
    assert all(0.7 <= wait <= 1.0 for wait in waits)
