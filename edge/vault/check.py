"""Whether every original is what it was when it was kept, and no look at one was taken out of the log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from detector.errors import InputError, SealError
from edge.vault.index import check_accesses
from edge.vault.limits import KeptOriginal
from edge.vault.vault import Vault

_PART_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class VaultCheck:
    """What was found.

    Attributes:
        whole: originals that decrypt to the bytes their report names.
        ended: how many were deleted, by why: none of these is a fault.
        accesses: lines of the access log.
        breaks: what does not hold, one line each.
    """

    whole: int
    ended: dict[str, int]
    accesses: int
    breaks: tuple[str, ...]


def check_vault(vault: Vault) -> VaultCheck:
    """Decrypt every original and hold it to its hash; nothing of them is shown or kept."""
    breaks: list[str] = []
    ended: Counter[str] = Counter()
    whole = 0
    for kept in vault.originals():
        if kept.state == "deleted":
            ended[kept.ended_because] += 1
            continue
        trouble = kept.ended_because if kept.state == "lost" else _trouble(vault, kept)
        whole += trouble is None
        if trouble is not None:
            breaks.append(f"report {kept.header.report_id}, {kept.header.role} {kept.header.sha256[:12]}: {trouble}")
    lines = vault.accesses()
    try:
        check_accesses(lines)
    except SealError as error:
        breaks.append(str(error))
    return VaultCheck(whole, dict(ended), len(lines), tuple(breaks))


def _trouble(vault: Vault, kept: KeptOriginal) -> str | None:
    digest = sha256()
    try:
        with vault.reader(kept) as reader:
            while part := reader.read(_PART_BYTES):
                digest.update(part)
    except (SealError, InputError) as error:
        return str(error)
    return None if digest.hexdigest() == kept.header.sha256 else "its bytes are not those the report names"
