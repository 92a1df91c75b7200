"""How long a camera is waited for, and how long it is left alone before it is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from detector.errors import InputError


@dataclass(frozen=True, slots=True)
class Patience:
    """Limits of every wait for a camera, seconds.

    Attributes:
        stall_s: without a packet for so long, once pictures have come, the child is killed and the camera opened anew.
            Shorter notices a frozen server sooner, but takes a bad moment of the radio for one.
        first_s: for the first picture of a connection, and for the next good one after damage: a camera that does not
            begin with a key frame makes us wait for its next.
        reach_s: for the camera's port to accept a connection.
        leave_s: what a child gets to end by itself before it is killed.
    """

    stall_s: float = 4.0
    first_s: float = 15.0
    reach_s: float = 3.0
    leave_s: float = 0.5

    def __post_init__(self) -> None:
        for name, seconds in (("stall_s", self.stall_s), ("first_s", self.first_s), ("leave_s", self.leave_s)):
            if not 0 < seconds <= 86_400:
                raise InputError(f"{name} {seconds} must be above 0 and at most 86,400 seconds")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Growing waits between the attempts to reach a camera.

    Attributes:
        first_s: before the second attempt.
        factor: each wait is so many times the one before.
        most_s: never longer; a child costs a third of a second of processor time to start.
        jitter: each wait is shortened by up to this share at random, so that the cameras of one switch that lost its
            power do not all come at once.
        good_s: a camera that gave pictures for so long begins again with `first_s`.
        unreached_s: between attempts while nothing answers at the address at all: asking that takes no child, so it can
            be asked often.
        refused_s: after a camera has refused the password. Cameras lock a user out after a few wrong attempts, often
            for half an hour, and every further one counts.
    """

    first_s: float = 0.25
    factor: float = 2.0
    most_s: float = 3.0
    jitter: float = 0.3
    good_s: float = 2.0
    unreached_s: float = 1.0
    refused_s: float = 300.0

    def wait_s(self, failures: int, random_: random.Random) -> float:
        """Wait after so many failed attempts in a row (1 for the first)."""
        # The exponent is bounded: a camera may be away for weeks.
        return self._spread(min(self.most_s, self.first_s * self.factor ** min(failures - 1, 64)), random_)

    def unreached_wait_s(self, random_: random.Random) -> float:
        """Wait before it is asked again whether anything answers."""
        return self._spread(self.unreached_s, random_)

    def _spread(self, longest_s: float, random_: random.Random) -> float:
        return longest_s * (1.0 - self.jitter * random_.random())
