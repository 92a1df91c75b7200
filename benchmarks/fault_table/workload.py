"""The storage path of a box, run as a process of its own so that it can be traced, cut and starved.

Everything that returns is acknowledged on standard output, one line each, by a single `writev`, a call that the product
itself does not make: what was promised when the power went is then known to the byte, and a fault put into `write`
meets the product alone. `python -m benchmarks.fault_table.workload STATE [--reports N]`.
"""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np

from detector.errors import TransientError
from edge.originals import OriginalFile
from edge.outbox import Outbox
from edge.parcels import Quota
from edge.vault.limits import VaultLimits
from edge.vault.vault import Vault
from tests.edge.reports import SEEN_AT, builder, key_of

PICTURE_BYTES: Final = 9000
"""Large enough for three pages and a torn end, small enough to be replayed a thousand times."""
FAILED: Final = 75
TRIES: Final = 4


def picture(ordinal: int) -> bytes:
    """The evidence of the n-th report; every third one's is shared with the next."""
    return np.random.default_rng(ordinal - ordinal % 3 // 2).bytes(PICTURE_BYTES)


def original(ordinal: int) -> OriginalFile:
    """The unblurred original of the n-th report."""
    at = SEEN_AT + timedelta(seconds=ordinal)
    data = np.random.default_rng(10_000 + ordinal).bytes(PICTURE_BYTES)
    return OriginalFile(data, "frame", "image/jpeg", f"clip:{ordinal}", at, at, 64, 48)


def quota() -> Quota:
    """Room for six pictures, so that what is stored is dropped again and again."""
    return Quota(bytes_max=6 * PICTURE_BYTES, reserve_bytes=0)


def acknowledge(*words: object) -> None:
    """Promise something, in one call."""
    os.writev(1, [(" ".join(map(str, words)) + "\n").encode()])


def put_again(outbox: Outbox, ordinal: int) -> uuid.UUID:
    """The n-th report, as a patrol run again would put it."""
    return outbox.put(key_of(ordinal), builder(ordinal, outbox.device_id, [picture(ordinal)]))


def run(state: Path, reports: int) -> None:
    """Put, send, store, drop, delete; acknowledge each, and bear with a disk that fails now and then."""
    with Outbox.open(state, quota=quota()) as outbox, Vault.open(state, limits=VaultLimits(reserve_bytes=0)) as vault:
        acknowledge("open")
        stored: set[uuid.UUID] = set()
        for ordinal in range(reports):
            patiently(lambda n=ordinal: one_report(outbox, vault, n, stored))


def one_report(outbox: Outbox, vault: Vault, ordinal: int, stored: set[uuid.UUID]) -> None:
    """One report's whole life; done again, it changes nothing that was done."""
    report_id = put_again(outbox, ordinal)
    acknowledge("put", key_of(ordinal), report_id)
    file = original(ordinal)
    vault.put(report_id, file)
    acknowledge("original", report_id, file.sha256)
    if ordinal % 4 != 3 and report_id not in stored:  # some stay unsent for ever
        send(outbox, report_id)
        stored.add(report_id)
    if ordinal % 3 == 2:
        acknowledge("deleting", file.sha256)
        vault.delete(report_id, file.sha256, because="its time is over")
        acknowledge("deleted", file.sha256)
    outbox.add_sent_bytes("2026-05-17", 1000)
    acknowledge("bytes", 1000)


def patiently(step: Callable[[], None]) -> None:
    """Do it; where the disk would not, again, as the box's loop does."""
    for _ in range(TRIES - 1):
        try:
            step()
        except TransientError as error:
            acknowledge("transient", str(error).replace("\n", " "))
        else:
            return
    step()


def send(outbox: Outbox, report_id: uuid.UUID) -> None:
    """What the uplink does to a report that all goes well with."""
    outbox.mark_sent(report_id)
    acknowledge("sent", report_id)
    while (file := outbox.next_file()) is not None:
        outbox.note_upload(file.sha256, "http://127.0.0.1/u")
        outbox.defer_file(file.sha256, "busy", 0.0, file.size_bytes // 2, progressed=True)
        outbox.mark_file_sent(file.sha256)
    outbox.mark_stored(report_id, None)
    acknowledge("stored", report_id)


def main() -> int:
    """Run it; 75 when the disk would not take it, which is an answer too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("--reports", type=int, default=12)
    asked = parser.parse_args()
    try:
        run(asked.state, asked.reports)
    except TransientError as error:
        acknowledge("transient", str(error).replace("\n", " "))
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
