"""What a disk may hold after the power went: a pessimistic model of a file system.

Durable is what was synced, and nothing else. `fsync` of a file makes its bytes and its length durable, but not its
name; a name (made, changed or taken away) is durable once its folder was synced. Of everything else any part may have
reached the disk, in any order: a write wholly, not at all, or in some of its sectors; a length without its bytes (which
are then zeros). A rename within one folder is atomic, as POSIX asks.

This is harsher than ext4 or XFS with journals, and harsher than SQLite assumes (it bears torn sectors in its WAL by
checksums). What holds here holds there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname
from typing import Literal

from benchmarks.fault_table.recorded import Op

Loss = Literal["none", "all", "some", "torn"]
"""Of what was not synced, lost: nothing, everything, some of it, or some of it and writes torn at sectors."""


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Length:
    bytes: int


@dataclass(eq=False, slots=True)
class _File:
    """An inode: a file, or a folder when `is_folder`."""

    is_folder: bool = False
    synced: bytearray = field(default_factory=bytearray)
    since: list[_Write | _Length] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Named:
    """Names of one folder that change together; `None` takes a name away."""

    folder: str
    names: dict[str, _File | None]


class Disk:
    """Takes operations one after the other; `after_power_cut` says what might be left."""

    def __init__(self) -> None:
        self._now: dict[str, _File] = {"": _File(is_folder=True)}
        self._synced: dict[str, _File] = dict(self._now)
        self._since: list[_Named] = []

    def apply(self, op: Op) -> None:
        """One more operation."""
        if op.kind in ("create", "truncate") and op.path not in self._now:
            self._name(op.path, _File())
        if op.kind == "mkdir":
            self._name(op.path, _File(is_folder=True))
        elif op.kind == "truncate":
            self._now[op.path].since.append(_Length(op.offset))
        elif op.kind == "write":
            self._now[op.path].since.append(_Write(op.offset, op.data))
        elif op.kind == "link":
            self._name(op.to, self._now[op.path])
        elif op.kind == "rename":
            self._rename(op.path, op.to)
        elif op.kind == "unlink":
            self._change(_Named(dirname(op.path), {op.path: None}))
        elif op.kind == "sync":
            self._sync(op.path)

    def after_power_cut(self, loss: Loss, chance: random.Random) -> dict[str, bytes | None]:
        """Files by path, `None` for a folder, as they might be found."""
        names = dict(self._synced)
        for change in self._since:
            if loss == "none" or (loss != "all" and chance.random() < 0.5):
                _put(names, change)
        files = {id(file): _content(file, loss, chance) for file in names.values() if not file.is_folder}
        return {
            path: None if file.is_folder else files[id(file)]
            for path, file in sorted(names.items())
            if path and _reachable(path, names)
        }

    def _name(self, path: str, file: _File) -> None:
        self._change(_Named(dirname(path), {path: file}))

    def _rename(self, path: str, to: str) -> None:
        file = self._now[path]
        if file.is_folder:
            self._rename_folder(path, to)
        elif dirname(path) == dirname(to):
            self._change(_Named(dirname(path), {path: None, to: file}))
        else:
            self._name(to, file)
            self._change(_Named(dirname(path), {path: None}))

    def _rename_folder(self, path: str, to: str) -> None:
        """Within one folder: what is in it moves along, what of that was not synced stays unsynced."""
        inside = [name for name in (*self._now, *self._synced) if name.startswith(f"{path}/")]
        moved = {name: to + name.removeprefix(path) for name in (path, *inside)}
        now = {moved[name]: file for name, file in self._now.items() if name in moved}
        synced = {moved[name]: file for name, file in self._synced.items() if name in moved}
        self._since = [_elsewhere(change, moved) for change in self._since]
        self._change(_Named(dirname(path), {**dict.fromkeys(moved), **synced, to: self._now[path]}))
        _put(self._now, _Named(dirname(path), dict(now)))

    def _change(self, change: _Named) -> None:
        _put(self._now, change)
        self._since.append(change)

    def _sync(self, path: str) -> None:
        file = self._now[path]
        if not file.is_folder:
            file.synced = _apply(file.synced, file.since)
            file.since.clear()
            return
        for change in [change for change in self._since if change.folder == path]:
            _put(self._synced, change)
            self._since.remove(change)


def write_image(image: dict[str, bytes | None], folder: Path) -> None:
    """Make these files below a new folder."""
    folder.mkdir(parents=True, mode=0o700)
    for path, data in image.items():
        if data is None:
            (folder / path).mkdir(mode=0o700)
        else:
            (folder / path).write_bytes(data)
            (folder / path).chmod(0o600)


def _elsewhere(change: _Named, moved: dict[str, str]) -> _Named:
    """A change in a folder that was renamed meanwhile; one of the folder's own name stays what it was."""
    if change.folder not in moved:
        return change
    return _Named(moved[change.folder], {moved.get(name, name): file for name, file in change.names.items()})


def _put(names: dict[str, _File], change: _Named) -> None:
    for path, file in change.names.items():
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file


def _reachable(path: str, names: dict[str, _File]) -> bool:
    folder = dirname(path)
    return folder == "" or (folder in names and _reachable(folder, names))


def _content(file: _File, loss: Loss, chance: random.Random) -> bytes:
    if loss == "all":
        return bytes(file.synced)
    if loss == "none":
        return bytes(_apply(file.synced, file.since))
    kept: list[_Write | _Length] = []
    for change in file.since:
        if loss == "torn" and isinstance(change, _Write):
            kept += _torn(change, chance)
        elif chance.random() < 0.5:
            kept.append(change)
    return bytes(_apply(file.synced, kept))


def _torn(write: _Write, chance: random.Random) -> list[_Write]:
    """Some of its sectors; the others are as they were, or zeros where nothing was."""
    sector = chance.choice((512, 4096))
    pieces = [_Write(write.offset + at, write.data[at : at + sector]) for at in range(0, len(write.data), sector)]
    if chance.random() < 0.3:  # the length arrived, the bytes did not
        pieces[-1] = _Write(pieces[-1].offset, bytes(len(pieces[-1].data)))
        return [pieces[-1], *(piece for piece in pieces[:-1] if chance.random() < 0.5)]
    return [piece for piece in pieces if chance.random() < 0.5]


def _apply(data: bytearray, changes: list[_Write | _Length]) -> bytearray:
    result = bytearray(data)
    for change in changes:
        end = change.bytes if isinstance(change, _Length) else change.offset + len(change.data)
        if len(result) < end:
            result.extend(bytes(end - len(result)))
        if isinstance(change, _Length):
            del result[change.bytes :]
        else:
            result[change.offset : end] = change.data
    return result
