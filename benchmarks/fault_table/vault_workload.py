"""A vault's life: originals put, the master key changed, originals deleted; each thing is said once it is durable."""

from __future__ import annotations

import os
import random
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge.originals import OriginalFile
from edge.vault.vault import Vault

SEEN_AT: Final = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)
LIFE: Final = (
    *(f"put {number}" for number in range(4)),
    "rotate",
    "delete 0",
    "put 4",
    "forget 1",
    "rotate",
    "put 5",
    "delete 2",
)


def original(number: int) -> tuple[uuid.UUID, OriginalFile]:
    """An original and its report, the same in every process."""
    data = random.Random(number).randbytes(150_000 if number % 2 else 3_000)
    file = OriginalFile(data, "frame", "image/jpeg", f"front:{number}", SEEN_AT, SEEN_AT, 64, 48)
    return uuid.UUID(int=number + 1), file


def kept_after(count: int) -> set[int]:
    """Originals that are kept after the first `count` things of `LIFE`."""
    kept: set[int] = set()
    for act in LIFE[:count]:
        word, _, number = act.partition(" ")
        if word == "put":
            kept.add(int(number))
        elif word in ("delete", "forget"):
            kept.remove(int(number))
    return kept


def live(state: Path, said: Callable[[str], object]) -> None:
    """Live through `LIFE`."""
    with Vault.open(state) as vault:
        for act in LIFE:
            word, _, number = act.partition(" ")
            if word == "rotate":
                vault.rotate(who="keeper")
            else:
                report_id, file = original(int(number))
                if word == "put":
                    vault.put(report_id, file)
                elif word == "delete":
                    vault.delete(report_id, file.sha256, because="its time was over")
                else:
                    vault.forget(report_id)
            said(act)


if __name__ == "__main__":
    # Told apart from every other write in a trace of system calls, see `benchmarks.fault_table.recorded`.
    live(Path(sys.argv[1]), lambda act: os.writev(1, [f"{act}\n".encode()]))
