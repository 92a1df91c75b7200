"""What a process did to the files below a folder, in order, as strace saw it.

Only the main thread is traced: the storage path is driven from it. Memory maps are not seen, and need not be: SQLite
maps only its `-shm` file, which it makes anew at every start.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from benchmarks.paths import ROOT

Kind = Literal["create", "write", "truncate", "sync", "link", "rename", "unlink", "mkdir", "said"]

CALLS: Final = (
    "openat,creat,open,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,fsync,fdatasync,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,lseek,copy_file_range,sendfile,dup,dup2"
)
_LINE: Final = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+)(?:<([^>]*)>)?")
_FD: Final = re.compile(r"^(\d+)(?:<([^>]*)>(\(deleted\))?)?$")
_NEVER_SEEN: Final = frozenset({"writev", "pwritev", "pwritev2", "copy_file_range", "sendfile", "truncate"})
"""Calls that the product does not make on its state; one that did would have to be modelled here first."""


@dataclass(frozen=True, slots=True)
class Op:
    """One thing done.

    Attributes:
        path: below the folder; "" is the folder itself, and of ``said`` there is none.
        data: written, or said on standard output.
        offset: of the write, or the length that a ``truncate`` leaves.
        to: new name of ``rename`` and ``link``.
    """

    kind: Kind
    path: str = ""
    data: bytes = b""
    offset: int = 0
    to: str = ""


def strace() -> str | None:
    """Path of strace, if it is installed."""
    return shutil.which("strace")


def record(command: Sequence[str], folder: Path, trace: Path) -> list[Op]:
    """Run a command to its end and give what it did below `folder`.

    Raises:
        RuntimeError: it failed, or did something that is not modelled.
    """
    program = strace()
    if program is None:
        raise RuntimeError("strace is not installed: see tools/need_strace.py")
    traced = [program, "-y", "-xx", "-s", "16777216", "-e", f"trace={CALLS}", "-o", str(trace), *command]
    result = subprocess.run(traced, cwd=ROOT, env=one_thread(), capture_output=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"the recorded process failed: {result.stderr.decode(errors='replace')[-2000:]}")
    return list(_Reader(os.path.realpath(folder)).read(trace))


def one_thread() -> dict[str, str]:
    """The environment of a process that is to have one thread."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


class _Reader:
    """Reads a trace; remembers where each descriptor stands, for plain `write`."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._at: dict[int, int] = {}

    def read(self, trace: Path) -> Iterator[Op]:
        with trace.open(encoding="ascii") as lines:
            for line in lines:
                found = _LINE.match(line)
                if found is None or int(found[3]) < 0:
                    continue
                op = self._op(found[1], found[2].split(", "), int(found[3]), found[4])
                if op is not None:
                    yield op

    def _op(self, call: str, arguments: list[str], result: int, result_path: str | None) -> Op | None:
        if call in ("openat", "open", "creat"):
            return self._opened(arguments, result, result_path)
        if call in ("rename", "renameat", "renameat2", "link", "linkat"):
            names = [self._below(_text(a)) for a in arguments if a.startswith('"')]
            return (
                None if None in names else Op("link" if "link" in call else "rename", names[0] or "", to=names[1] or "")
            )
        if call in ("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"):
            name = self._below(next(_text(a) for a in arguments if a.startswith('"')))
            return None if name is None else Op("mkdir" if call.startswith("mkdir") else "unlink", name)
        return self._on_descriptor(call, arguments, result)

    def _opened(self, arguments: list[str], fd: int, result_path: str | None) -> Op | None:
        self._at[fd] = 0
        name = self._below(_unhex(result_path or ""))
        flags = next((a for a in arguments if a.startswith("O_")), "")
        if name is None or ("O_CREAT" not in flags and "O_TRUNC" not in flags):
            return None
        # Creating what is there already does nothing; the model knows what is there.
        return Op("truncate" if "O_TRUNC" in flags else "create", name)

    def _on_descriptor(self, call: str, arguments: list[str], result: int) -> Op | None:
        found = _FD.match(arguments[0])
        if found is None:
            return None
        fd = int(found[1])
        if call == "lseek":
            self._at[fd] = result
        if call == "writev" and fd == 1:
            said = "".join(_text(part) for part in re.findall(r'iov_base=("[^"]*")', ", ".join(arguments)))
            return Op("said", data=said.encode("latin-1")[:result])
        name = None if found[3] else self._below(_unhex(found[2] or ""))
        if name is None:
            return None
        if call in _NEVER_SEEN:
            raise RuntimeError(f"{call} on {name}: not modelled, see {__name__}")
        if call in ("fsync", "fdatasync"):
            return Op("sync", name)
        if call == "ftruncate":
            return Op("truncate", name, offset=int(arguments[1]))
        if call == "pwrite64":
            return Op("write", name, _text(arguments[1]).encode("latin-1")[:result], int(arguments[3]))
        if call == "write":
            begin = self._at.get(fd, 0)
            self._at[fd] = begin + result
            return Op("write", name, _text(arguments[1]).encode("latin-1")[:result], begin)
        return None

    def _below(self, path: str) -> str | None:
        if path == self._root:
            return ""
        return path.removeprefix(f"{self._root}/") if path.startswith(f"{self._root}/") else None


def _text(argument: str) -> str:
    return _unhex(argument.strip('"'))


def _unhex(text: str) -> str:
    """strace -xx writes every byte as ``\\xHH``."""
    return bytes.fromhex(text.replace("\\x", "")).decode("latin-1") if text.startswith("\\x") else text
