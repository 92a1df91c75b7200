"""Originals to keep, and a clock that says what it is told."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.originals import OriginalFile
from edge.true_time import Told
from edge.vault.vault import ORIGINALS_DIR, VAULT_DIR, Vault

SEEN_AT = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)


def original(seed: int = 0, size_bytes: int = 1000, *, role: str = "frame", minutes: float = 0.0) -> OriginalFile:
    """An original of bytes that no other seed gives."""
    seen = SEEN_AT + timedelta(minutes=minutes)
    media_type = "image/jpeg" if role == "frame" else "video/mp4"
    data = random.Random(seed).randbytes(size_bytes)
    return OriginalFile(data, role, media_type, f"front:{seed}", seen, seen, 64, 48)  # type: ignore[arg-type]


def keep(vault: Vault, *files: OriginalFile) -> uuid.UUID:
    """The id of a report whose originals are kept now."""
    report_id = uuid.uuid4()
    for file in files or (original(),):
        vault.put(report_id, file)
    return report_id


def sealed_files(state: Path) -> list[Path]:
    """What lies on the disk."""
    return sorted((state / VAULT_DIR / ORIGINALS_DIR).iterdir())


@dataclass
class SetClock:
    """`edge.true_time.TrueTime` that says what a test sets."""

    moment: datetime = SEEN_AT
    told_by: Told = "gnss"
    steps: int = 0

    def now(self) -> datetime:
        """The moment set."""
        return self.moment

    def at(self, monotonic_s: float) -> datetime:
        """The moment set, whenever."""
        del monotonic_s
        return self.moment

    def heard_gnss(self, utc: datetime, monotonic_s: float) -> None:
        """Not heard."""

    def heard_server(self, offset_s: float, error_s: float) -> None:
        """Not heard."""

    def wait(self, days: float) -> None:
        """So many days later."""
        self.moment += timedelta(days=days)
