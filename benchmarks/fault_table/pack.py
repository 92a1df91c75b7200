"""Fleet packs: corrupt on the way, damaged on the disk, killed while they are put in, dying at every start, power cuts.

After each fault the box must start with a pack whose every byte is as it was signed, and with the right one: what
somebody was told is installed, or what ran before.
"""

from __future__ import annotations

import io
import os
import random
import select
import shutil
import signal
import sys
import tarfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.fault_table import pack_workload as workload
from benchmarks.fault_table.disk import Disk, Loss, write_image
from benchmarks.fault_table.recorded import record, strace
from benchmarks.fault_table.row import Row, RowResult
from detector.errors import KerbwatchError, PackError
from detector.pack.signed import check_folder, pack_trust
from detector.signing import SigningKey
from edge.fleet.store import STARTS_MAX, PackStore, StartDecision

LOSSES: Final[tuple[Loss, ...]] = ("all", "some", "torn", "none")
EVERY: Final = 50


def corrupt(times: int, seed: int, folder: Path) -> RowResult:
    """Offer packs that are cut, changed, signed by a stranger, or full of paths that lead out of their folder."""
    times = max(times, len(_CHANGES))  # each kind at least once
    chance, key = random.Random(seed), SigningKey.generate()
    workload.prepare(folder, key, ("1.0",))
    settings = workload.box(folder, folder / "state")
    workload.put(settings, folder / "1.0.kwpack")
    workload.settle(settings)
    good = workload.pack_bytes("1.1", key)
    file, outside, wrong = folder / "1.1.kwpack", folder / "outside", []
    for number in range(times):
        name, change = list(_CHANGES.items())[number % len(_CHANGES)]
        file.write_bytes(change(good, chance))
        try:
            workload.put(settings, file)
        except PackError:
            pass
        except KerbwatchError as error:
            wrong.append(f"{name}: {type(error).__name__}: {error}")
        else:
            wrong.append(f"{name}: was taken")
        if outside.exists() or list((folder / "state" / "packs").glob(".tmp-*")):
            wrong.append(f"{name}: something was written")
        wrong += _not_running(settings.state, folder, {"1.0"}, name)
    file.write_bytes(good)
    workload.put(settings, file)
    wrong += _not_running(settings.state, folder, {"1.1"}, "the good one at last")
    return RowResult(times, acknowledged=1, wrong=tuple(wrong))


def damaged(times: int, seed: int, folder: Path) -> RowResult:
    """Flip a byte of the pack that runs, or of the file that says which one does."""
    chance, key = random.Random(seed), SigningKey.generate()
    workload.prepare(folder, key, ("1.0", "1.1"))
    settings = workload.box(folder, folder / "state")
    for version in ("1.0", "1.1"):
        workload.put(settings, folder / f"{version}.kwpack")
        workload.settle(settings)
    kept, wrong = folder / "kept", []
    shutil.copytree(settings.state, kept)
    for _ in range(times):
        (current,) = (settings.state / "packs").glob("1.1-*")
        files = [path for path in current.rglob("*") if path.is_file()]
        path = chance.choice([*files, settings.state / "packs" / "state.json"])
        allowed = {"1.1"} if path.name == "state.json" else {"1.0"}
        path.write_bytes(_flipped(path.read_bytes(), chance))
        wrong += _not_running(settings.state, folder, allowed, f"{path.name} damaged")
        shutil.rmtree(settings.state)
        shutil.copytree(kept, settings.state)
    return RowResult(times, acknowledged=2, wrong=tuple(wrong))


def killed(times: int, seed: int, folder: Path) -> RowResult:
    """Kill the box's packs at a random moment of their life: put in, proven, replaced, left."""
    chance, key = random.Random(seed), SigningKey.generate()
    workload.prepare(folder, key)
    state = folder / "state"
    _, whole_s = _life(folder, None)
    acknowledged, wrong = 0, []
    for number in range(times):
        shutil.rmtree(state, ignore_errors=True)
        said, _ = _life(folder, chance.uniform(0.0, 1.0) * whole_s)
        acknowledged += len(said)
        about = f"kill {number} after {said[-1:] or ['nothing']}"
        wrong += _not_running(state, folder, _allowed(len(said)), about)
        settings = workload.box(folder, state)
        current = PackStore.open(settings).state().current
        if current is None:
            workload.put(settings, folder / "1.0.kwpack")
            wrong += _not_running(state, folder, {"1.0"}, f"{about}, put in again")
    return RowResult(times, acknowledged=acknowledged, wrong=tuple(wrong))


def crash_loop(times: int, seed: int, folder: Path) -> RowResult:
    """Put in packs whose box dies by kill -9 soon after every start."""
    del seed
    key = SigningKey.generate()
    workload.prepare(folder, key, ("1.0",))
    settings = workload.box(folder, folder / "state")
    workload.put(settings, folder / "1.0.kwpack")
    workload.settle(settings)
    wrong: list[str] = []
    for number in range(1, times + 1):
        version = f"1.0.{number}"
        file = folder / "new.kwpack"
        file.write_bytes(workload.pack_bytes(version, key))
        workload.put(settings, file)
        seen = [_start_and_die(folder) for _ in range(STARTS_MAX)]
        if seen != [[version]] * STARTS_MAX:
            wrong.append(f"{version}: the starts ran {seen}")
        wrong += _not_running(settings.state, folder, {"1.0"}, f"{version} after {STARTS_MAX} deaths")
    return RowResult(times, acknowledged=times, wrong=tuple(wrong))


def power_cut(times: int, seed: int, folder: Path) -> RowResult:
    """Cut the power after each recorded operation of the packs' whole life; four disks for each cut."""
    if strace() is None:
        return RowResult(0, note="strace is not installed: see tools/need_strace.py")
    workload.prepare(folder, SigningKey.generate())
    state = folder / "state"
    state.mkdir(mode=0o700)
    command = [sys.executable, "-m", "benchmarks.fault_table.pack_workload", str(folder)]
    ops = record(command, state, folder / "trace")
    chance = random.Random(seed)
    cuts = set(range(len(ops))) if times >= EVERY else set(chance.sample(range(len(ops)), times))
    disk, said, images, wrong = Disk(), 0, 0, []
    for number, op in enumerate(ops):
        if op.kind == "said":
            said += op.data.count(b"\n")
        else:
            disk.apply(op)
        if number not in cuts:
            continue
        for loss in LOSSES:
            images += 1
            image = folder / "image"
            write_image(disk.after_power_cut(loss, chance), image)
            about = f"cut after operation {number} of {len(ops)} ({op.kind} {op.path}), lost: {loss}"
            wrong += _not_running(image, folder, _allowed(said), about)
            shutil.rmtree(image)
    note = f"{len(cuts)} cuts of {len(ops)} recorded operations, {len(LOSSES)} disks each"
    return RowResult(images, acknowledged=said, wrong=tuple(wrong), note=note)


def _allowed(said: int) -> set[str | None]:
    """What may run after so many things that were said to be done, and perhaps half of the next."""
    return set(workload.LIFE[said : said + 2])


def _not_running(state: Path, folder: Path, allowed: set[str | None] | set[str], about: str) -> list[str]:
    """What is wrong with the pack that a box starts with, after a fault."""
    settings = workload.box(folder, state)
    try:
        decision: StartDecision = PackStore.open(settings).begin_start()
        if decision.pack is not None:
            check_folder(decision.pack.folder, pack_trust(settings.trust))
    except KerbwatchError as error:
        return [f"{about}: the box does not start: {error}"]
    version = decision.pack.version if decision.pack else None
    return [] if version in allowed else [f"{about}: {version} runs, expected one of {sorted(map(str, allowed))}"]


def _life(folder: Path, kill_after_s: float | None) -> tuple[list[str], float]:
    """Let a child live through `pack_workload`, and kill it meanwhile; gives what it said, and how long it lived."""
    return _child(lambda say: workload.live(folder, say), kill_after_s)


def _start_and_die(folder: Path) -> list[str]:
    """Start a box in a child that then kills itself; gives the version it ran."""

    def die(say: Callable[[str], None]) -> None:
        pack = PackStore.open(workload.box(folder, folder / "state")).begin_start().pack
        say(pack.version if pack else "none")
        os.kill(os.getpid(), signal.SIGKILL)

    return _child(die, None)[0]


def _child(work: Callable[[Callable[[str], None]], None], kill_after_s: float | None) -> tuple[list[str], float]:
    """Do something in a process of its own, forked so that it begins at once; gives the words it said."""
    reading, writing = os.pipe()
    began_s = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            work(partial(_say, writing))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    said = b""
    with open(reading, "rb", buffering=0) as words:  # noqa: PTH123 (a descriptor, not a path)
        while True:
            left_s = None if kill_after_s is None else max(0.0, began_s + kill_after_s - time.monotonic())
            if not select.select([words], [], [], left_s)[0]:
                os.kill(child, signal.SIGKILL)
                kill_after_s = None
                continue
            data = words.read(4096)
            if not data:
                break
            said += data
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) > 0:
        raise RuntimeError(f"the child ended with {os.waitstatus_to_exitcode(status)} after {said!r}")
    return said.decode().split(), time.monotonic() - began_s


def _say(fd: int, word: str) -> None:
    os.write(fd, f"{word}\n".encode())


def _flipped(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def _zeroed(data: bytes, chance: random.Random) -> bytes:
    """A block that never reached the disk; one that was zeros anyway would be no fault."""
    blocks = [at for at in range(0, len(data), 512) if data[at : at + 512].strip(b"\0")]
    at = chance.choice(blocks)
    return data[:at] + bytes(512) + data[at + 512 :]


def _by_a_stranger(data: bytes, chance: random.Random) -> bytes:
    del data, chance
    return workload.pack_bytes("1.1", SigningKey.generate())


def _with_member(info: tarfile.TarInfo) -> Callable[[bytes, random.Random], bytes]:
    """The pack with one member more, before its end."""

    def change(data: bytes, chance: random.Random) -> bytes:
        del chance
        out = io.BytesIO()
        with (
            tarfile.open(fileobj=io.BytesIO(data)) as old,
            tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new,
        ):
            for member in old:
                new.addfile(member, old.extractfile(member))
            new.addfile(info, io.BytesIO(b"x" * info.size))
        return out.getvalue()

    return change


def _member(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    info.size = 1 if kind == tarfile.REGTYPE else 0
    return info


_CHANGES: Final[dict[str, Callable[[bytes, random.Random], bytes]]] = {
    "a byte flipped": _flipped,
    "cut": lambda data, chance: data[: chance.randrange(len(data))],
    "a block zeroed": _zeroed,
    "signed by a stranger": _by_a_stranger,
    "bytes behind the end": lambda data, chance: data + chance.randbytes(512),
    "path ..": _with_member(_member("../outside")),
    "path .. inside": _with_member(_member("site/../../../outside")),
    "absolute path": _with_member(_member("/outside")),
    "not listed": _with_member(_member("site/more.yaml")),
    "symbolic link": _with_member(_member("site/link", tarfile.SYMTYPE, "../../outside")),
    "hard link": _with_member(_member("site/hard", tarfile.LNKTYPE, "../../outside")),
    "device": _with_member(_member("site/null", tarfile.CHRTYPE)),
    "folder": _with_member(_member("outside", tarfile.DIRTYPE)),
    "long name": _with_member(_member("site/" + "x" * 200)),
}

ROWS: Final[tuple[Row, ...]] = (
    Row("pack corrupt on the way", corrupt),
    Row("pack damaged on the disk", damaged),
    Row("pack: kill -9 while put in", killed),
    Row("pack: box dies at every start", crash_loop),
    Row("power cut: packs", power_cut),
)
