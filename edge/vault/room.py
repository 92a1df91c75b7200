"""Which originals make room for new ones, and in which order.

1. those whose time is over: they are deleted within the hour in any case, see `edge.vault.retention`,
2. those released to the server,
3. clips of unconfirmed reports, the oldest first: the still remains,
4. stills of unconfirmed reports, the oldest first.

2 to 4 only of reports that the server has acknowledged. Never one that a person confirmed, holds or waits for; then
there is no room, and a new report goes out without its originals and says so.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from edge.durable import disk_full, free_bytes

if TYPE_CHECKING:
    from edge.vault.vault import Vault

NO_ROOM: Final = "there was no room"

_ORDER: Final = (
    "SELECT report_id, sha256, sealed_bytes FROM originals"
    " WHERE state = 'kept' AND NOT wanted AND released_at IS NOT NULL ORDER BY begins_at",
    "SELECT report_id, sha256, sealed_bytes FROM originals"
    " WHERE state = 'kept' AND NOT wanted AND kept_because = 'new' ORDER BY role = 'frame', begins_at",
)


def make_room(vault: Vault, needed_bytes: int) -> None:
    """See that so many bytes fit the vault's share and the disk.

    Raises:
        TransientError: they do not, whatever may be deleted; then nothing was.
    """

    def short_bytes(freed_bytes: int) -> int:
        _, used_bytes = vault.counts()
        over_share = used_bytes + needed_bytes - vault.limits.bytes_max
        under_reserve = needed_bytes + vault.limits.reserve_bytes - free_bytes(vault.folder)
        return max(over_share, under_reserve) - freed_bytes

    chosen: list[tuple[uuid.UUID, str]] = []
    freed_bytes = 0
    if short_bytes(0) > 0:
        for report_id, sha256, size_bytes in _deletable(vault):
            chosen.append((report_id, sha256))
            freed_bytes += size_bytes
            if short_bytes(freed_bytes) <= 0:
                break
    if short_bytes(freed_bytes) > 0:
        why = (
            f"originals hold {vault.counts()[1]} of {vault.limits.bytes_max} bytes, {vault.limits.reserve_bytes} must "
            "stay free, and what is left is wanted or not yet at the server"
        )
        raise disk_full(vault.folder, needed_bytes, why=why)
    for report_id, sha256 in chosen:
        vault.delete(report_id, sha256, because=NO_ROOM)


def _deletable(vault: Vault) -> Iterator[tuple[uuid.UUID, str, int]]:
    """Report, hash and bytes, first to go first; each once."""
    seen: set[tuple[str, str]] = set()
    for query in _ORDER:
        for report, sha256, size_bytes in vault.all(query):
            report_id = uuid.UUID(report)
            if (report, sha256) not in seen and vault.at_server(report_id):
                seen.add((report, sha256))
                yield report_id, sha256, size_bytes
