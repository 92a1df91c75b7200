"""The self-test of a pack, in a process of its own: a network that crashes or eats the memory must not take the box
with it.

The child opens the model (whose own golden picture must come out right), looks for everything in the golden pictures,
and times the new model against the one in use on the same pictures in turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detector.errors import KerbwatchError, PackError, TransientError
from detector.model.signers import Signer, Trust, shipped_trust, site_signers
from detector.pack.manifest import PackLimits
from edge.fleet.signs import Fault

TIMEOUT_S: Final = 300.0
_ROUNDS: Final = 7
_ROOT: Final = Path(__file__).resolve().parents[2]


class Candidate(BaseModel):
    """A model with the site that may bring its signer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Path
    site: Path


class Task(BaseModel):
    """What the child is asked.

    Attributes:
        old: what the box runs now; `None` compares with nothing.
        trust: signers of models that the box's own settings name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    new: Candidate
    old: Candidate | None
    golden: Path
    limits: PackLimits
    trust: tuple[Signer, ...] = ()
    threads: int = 1
    backend: str = "onnxruntime"


class TrialResult(BaseModel):
    """What came of it.

    Attributes:
        fault: why the pack must not be used, "" when it may.
        seconds_per_look: median of the new model.
        old_seconds_per_look: median of the old one in the same run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: str = ""
    seconds_per_look: Annotated[float, Field(ge=0)] | None = None
    old_seconds_per_look: Annotated[float, Field(ge=0)] | None = None


def run_apart(
    task: Task,
    *,
    timeout_s: float = TIMEOUT_S,
    beat: Callable[[], None] = lambda: None,
    over: Callable[[], bool] = lambda: False,
) -> TrialResult:
    """Do a task in a child process; a child that dies or takes too long is a fault of the pack.

    Args:
        beat: called about once a second while the child works.
        over: whether to end now; asked as often.

    Raises:
        TransientError: `over` said so.
    """
    path = os.pathsep.join(part for part in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if part)
    with subprocess.Popen(
        [sys.executable, "-m", "edge.fleet.trial"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    ) as child:
        try:
            out, words = _talk(child, task.model_dump_json().encode(), timeout_s, beat, over)
        except subprocess.TimeoutExpired:
            return TrialResult(fault=f"the self-test took longer than {timeout_s:.0f} s")
        finally:
            child.kill()
    if child.returncode:
        last = words.decode("utf-8", "replace").strip().splitlines()[-1:]
        return TrialResult(fault=": ".join([f"the self-test ended with {child.returncode}", *last])[:300])
    try:
        return TrialResult.model_validate_json(out)
    except ValidationError:
        return TrialResult(fault="the self-test gave no answer")


def _talk(
    child: subprocess.Popen[bytes], data: bytes, timeout_s: float, beat: Callable[[], None], over: Callable[[], bool]
) -> tuple[bytes, bytes]:
    """What a child answers on its two outputs."""
    until_s = time.monotonic() + timeout_s
    send: bytes | None = data
    while True:
        try:
            return child.communicate(send, timeout=1.0)
        except subprocess.TimeoutExpired:
            send = None  # it is on its way
            beat()
            if over():
                raise TransientError("the self-test was broken off: the box ends") from None
            if time.monotonic() >= until_s:
                raise


def run_here(task: Task) -> TrialResult:
    """Do a task in this process."""
    from detector.model.yolo import Detector, open_detector
    from detector.pack.golden import misses, read_golden, read_picture

    def opened(candidate: Candidate) -> Detector:
        trust = Trust((*shipped_trust().signers, *site_signers(candidate.site), *task.trust))
        return open_detector(candidate.model, task.threads, task.backend, trust)

    try:
        new = opened(task.new)
        missed = misses(new, task.golden)
        if missed:
            return TrialResult(fault=f"{len(missed)} golden boxes are not found, first {missed[0]}")
        images = [read_picture(task.golden / picture.file) for picture in read_golden(task.golden).pictures]
    except KerbwatchError as error:
        return TrialResult(fault=str(error))
    detectors = [new]
    if task.old is not None:
        try:
            detectors.append(opened(task.old))
        except KerbwatchError:
            # What runs now cannot be opened: the more reason to take the new one.
            task = task.model_copy(update={"old": None})
    spent_s: list[list[float]] = [[] for _ in detectors]
    for _ in range(_ROUNDS):
        for image in images:
            for detector, spent in zip(detectors, spent_s, strict=True):
                began = time.perf_counter()
                detector.detect(image)
                spent.append(time.perf_counter() - began)
    seconds = [median(spent) for spent in spent_s]
    return TrialResult(seconds_per_look=seconds[0], old_seconds_per_look=seconds[1] if len(seconds) > 1 else None)


def judge(result: TrialResult, limits: PackLimits) -> Fault | None:
    """Whether a pack may be switched to."""
    if result.fault:
        return Fault("self_test", result.fault)
    new_s, old_s = result.seconds_per_look, result.old_seconds_per_look
    if new_s is None:
        return Fault("self_test", "the self-test measured nothing")
    if limits.seconds_per_look_max is not None and new_s > limits.seconds_per_look_max:
        return Fault("slow", f"{new_s:.3f} s per look here, at most {limits.seconds_per_look_max:.3f} s are allowed")
    if old_s is not None and new_s > limits.slower_max * old_s:
        return Fault("slow", f"{new_s:.3f} s per look here, at most {limits.slower_max:g} x {old_s:.3f} s are allowed")
    return None


def main() -> None:
    """The child: a `Task` on standard input, a `TrialResult` on standard output."""
    os.nice(5)
    try:
        task = Task.model_validate_json(sys.stdin.buffer.read())
    except ValidationError as error:
        raise PackError(f"the task is none: {error.error_count()} fields are wrong") from None
    sys.stdout.write(run_here(task).model_dump_json())


if __name__ == "__main__":
    main()
