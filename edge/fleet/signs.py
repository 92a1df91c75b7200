"""Signs of life of a running box, and what they say of a pack on probation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from detector.pack.manifest import PackLimits
from edge.fleet.state import CameraTotals, Proven, Reason

EXPECTED_MIN: Final = 30.0
"""Boxes that a camera would have given under the pack before, until none at all counts as blindness: an empty street is
no fault, and by chance nothing comes of 30 expected in e^-30 of cases."""
LOOKS_MIN: Final = 200
"""Looks after which a run says what a camera usually gives."""
LIVE_MIN_S: Final = 120.0
"""A camera that shows pictures for so long and is never looked at was lost by the pack."""


@dataclass(frozen=True, slots=True)
class CameraSigns:
    """One camera since the start of this run.

    Attributes:
        live_s: how long pictures came from it.
        looks: pictures that went through the network.
        found: boxes found in them.
    """

    live_s: float
    looks: int
    found: int


@dataclass(frozen=True, slots=True)
class Signs:
    """How the box does since its start, told about once a minute.

    Attributes:
        seconds_per_look: median of the last minute's looks of the network; `None` without looks.
    """

    seconds_per_look: float | None = None
    cameras: Mapping[str, CameraSigns] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a pack is given up."""

    reason: Reason
    detail: str


def too_slow(signs: Signs, proven: Proven, limits: PackLimits) -> Fault | None:
    """Whether a look takes longer than the pack may take."""
    now_s, before_s = signs.seconds_per_look, proven.seconds_per_look
    if now_s is None:
        return None
    if limits.seconds_per_look_max is not None and now_s > limits.seconds_per_look_max:
        return Fault("slow", f"{now_s:.3f} s per look, at most {limits.seconds_per_look_max:.3f} s are allowed")
    if before_s is not None and now_s > limits.slower_max * before_s:
        return Fault("slow", f"{now_s:.3f} s per look, at most {limits.slower_max:g} x {before_s:.3f} s are allowed")
    return None


def blind(signs: Signs, proven: Proven) -> Fault | None:
    """Whether a camera shows pictures, and nothing is seen in them that used to be seen."""
    for camera_id, before in sorted(proven.cameras.items()):
        now = signs.cameras.get(camera_id)
        if now is None or before.looks < LOOKS_MIN:
            continue
        if now.looks == 0 and now.live_s >= LIVE_MIN_S:
            return Fault("blind", f"camera {camera_id} shows pictures for {now.live_s:.0f} s and is never looked at")
        expected = before.found / before.looks * now.looks
        if now.found == 0 and expected >= EXPECTED_MIN:
            return Fault(
                "blind", f"camera {camera_id}: nothing found in {now.looks} looks, {expected:.0f} boxes were expected"
            )
    return None


def learned(signs: Signs, proven: Proven) -> Proven:
    """What a pack that does well usually gives; a camera counts from its 200th look on."""
    cameras = dict(proven.cameras)
    for camera_id, now in signs.cameras.items():
        if now.looks >= LOOKS_MIN:
            cameras[camera_id] = CameraTotals(looks=now.looks, found=now.found)
    seconds = signs.seconds_per_look if signs.seconds_per_look is not None else proven.seconds_per_look
    return Proven(seconds_per_look=seconds, cameras=cameras)
