"""Which originals leave the box: those a person at the server asked for with a reason, when the policy allows it.

Policy ``never`` answers every request with a refusal. Under ``on_request`` the uplink sends what the newest orders
name and nothing else; each release stands in the access log before its first byte is decrypted.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Final, Literal

from detector.errors import KerbwatchError
from detector.heartbeat import Orders, OriginalAnswer, WantedOriginal
from edge.true_time import TrueTime
from edge.uplink.originals import Release
from edge.vault.sealed_file import SealedReader
from edge.vault.vault import Vault

Policy = Literal["never", "on_request"]
_WHO: Final = "{} (server)"


class VaultReleases:
    """`edge.uplink.originals.Releases` over the vault. `ordered` may come from another thread than the rest."""

    def __init__(self, vault: Vault, policy: Policy, time: TrueTime) -> None:
        self._vault = vault
        self._policy = policy
        self._time = time
        self._mutex = threading.Lock()
        self._wanted: dict[str, WantedOriginal] = {}
        self._refused: dict[str, OriginalAnswer] = {}
        self._broken: set[str] = set()
        self._logged: set[tuple[str, datetime]] = set()

    def ordered(self, orders: Orders) -> None:
        """What people want as of now; earlier wishes no longer count."""
        wanted: dict[str, WantedOriginal] = {}
        refused: dict[str, OriginalAnswer] = {}
        for item in orders.wanted:
            refusal = self._refusal(item)
            if refusal is None:
                wanted[item.sha256] = item
            else:
                refused[item.sha256] = OriginalAnswer(report_id=item.report_id, sha256=item.sha256, answer=refusal)
        with self._mutex:
            self._wanted, self._refused = wanted, refused
            self._broken &= {item.sha256 for item in orders.wanted}

    def answers(self) -> tuple[OriginalAnswer, ...]:
        """Of what was ordered last, what will not come: for the next heartbeat."""
        with self._mutex:
            return tuple(self._refused.values())

    def next_release(self) -> Release | None:
        """See `edge.uplink.originals.Releases`."""
        with self._mutex:
            wanted = list(self._wanted.values())
        for item in wanted:
            kept = self._vault.find(item.report_id, item.sha256)
            if kept is not None and kept.state == "kept":
                return Release(item.report_id, item.sha256, kept.header.size_bytes)
            self._give_up(item)
        return None

    def read_release(self, sha256: str) -> bytes:
        """See `edge.uplink.originals.Releases`; logged when it is first read for this request."""
        with self._mutex:
            item = self._wanted.get(sha256)
        if item is None:
            raise KerbwatchError(f"nobody asks for original {sha256[:12]} any more")
        try:
            with self._open(item) as reader:
                return reader.readall()
        except KerbwatchError:
            self._give_up(item)
            raise

    def release_sent(self, sha256: str) -> None:
        """See `edge.uplink.originals.Releases`."""
        with self._mutex:
            item = self._wanted.pop(sha256, None)
        if item is not None:
            self._vault.run(
                "UPDATE originals SET released_at = ?, wanted = 0 WHERE report_id = ? AND sha256 = ?",
                self._time.now().timestamp(),
                str(item.report_id),
                sha256,
            )

    def release_failed(self, sha256: str, why: str) -> None:
        """See `edge.uplink.originals.Releases`; tried again when the next orders still name it."""
        del why
        with self._mutex:
            self._wanted.pop(sha256, None)

    def _refusal(self, item: WantedOriginal) -> Literal["refused", "gone"] | None:
        if self._policy == "never":
            return "refused"
        kept = self._vault.find(item.report_id, item.sha256)
        return "gone" if kept is None or kept.state != "kept" or item.sha256 in self._broken else None

    def _open(self, item: WantedOriginal) -> SealedReader:
        if (item.sha256, item.asked_at) in self._logged:
            kept = self._vault.find(item.report_id, item.sha256)
            if kept is not None:
                return self._vault.reader(kept)
        reader = self._vault.open_original(
            item.report_id,
            item.sha256,
            who=_WHO.format(item.asked_by),
            why=item.reason,
            did="release",
            at=self._time.now(),
        )
        self._logged.add((item.sha256, item.asked_at))
        return reader

    def _give_up(self, item: WantedOriginal) -> None:
        answer = OriginalAnswer(report_id=item.report_id, sha256=item.sha256, answer="gone")
        with self._mutex:
            self._wanted.pop(item.sha256, None)
            self._refused[item.sha256] = answer
            self._broken.add(item.sha256)
