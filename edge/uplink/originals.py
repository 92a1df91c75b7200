"""Originals that a person asked for and the box's policy lets go: the last and heaviest things to be sent."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Protocol

from detector.errors import KerbwatchError, TransientError
from edge import tus
from edge.parcels import Load
from edge.uplink.files import FileSender, Offset, Paused
from edge.uplink.pace import Pace
from edge.uplink.status import report_status
from edge.wire import NotEnrolled, ServerBusy, ServerClient


@dataclass(frozen=True, slots=True)
class Release:
    """One original to be sent."""

    report_id: uuid.UUID
    sha256: str
    size_bytes: int
    path: str = tus.EVIDENCE_PATH
    """Where the server takes it, by tus."""


class Releases(Protocol):
    """The vault, as the uplink sees it. Called from the uplink's thread alone."""

    def next_release(self) -> Release | None:
        """The oldest original that is let go and not yet at the server."""
        ...

    def read_release(self, sha256: str) -> bytes:
        """Its bytes, decrypted.

        Raises:
            KerbwatchError: they cannot be read (any more); the uplink then gives the release up.
        """
        ...

    def release_sent(self, sha256: str) -> None:
        """The server has it, and its hash was right."""
        ...

    def release_failed(self, sha256: str, why: str) -> None:
        """The server will not take it (not asked for any more, another hash)."""
        ...


class OriginalSender:
    """Sends released originals, each resumed at the byte the server has."""

    def __init__(self, client: ServerClient, files: FileSender, pace: Pace, releases: Releases) -> None:
        self._client = client
        self._files = files
        self._pace = pace
        self._releases = releases
        self._failures = 0
        self._again_s = 0.0

    def step(self) -> bool:
        """Send the next one, or more of it; False when there is nothing to send now.

        Raises:
            TransientError, PermanentError: see `edge.wire`; the release stays.
        """
        release = self._releases.next_release() if time.monotonic() >= self._again_s else None
        if release is None:
            return False
        at = Offset(0)
        try:
            self._send(release, at)
        except Paused:
            return at.moved
        except TransientError:
            self._failures = 0 if at.moved else self._failures + 1
            self._again_s = time.monotonic() + self._pace.wait_s(self._failures, None)
            raise
        self._failures = 0
        return True

    def _send(self, release: Release, at: Offset) -> None:
        try:
            data = self._releases.read_release(release.sha256)
        except KerbwatchError as error:
            self._releases.release_failed(release.sha256, str(error))
            return
        try:
            url, at.bytes = self._create(release)
            while at.bytes < len(data):
                chunk_bytes = self._files.chunk_bytes(Load.CLIPS)
                self._files.append(url, at, data[at.bytes : at.bytes + chunk_bytes])
        except (tus.ChecksumMismatch, _NotWanted) as error:
            self._releases.release_failed(release.sha256, str(error))
        else:
            self._releases.release_sent(release.sha256)

    def _create(self, release: Release) -> tuple[str, int]:
        self._files.chunk_bytes(Load.CLIPS)
        try:
            return tus.create(self._client, release.sha256, release.size_bytes, path=release.path)
        except NotEnrolled as error:
            # Forbidden: the device, or this one file? The device may ask for its own report.
            if report_status(self._client, release.report_id) is None:
                raise ServerBusy(f"the server does not have report {release.report_id} yet") from None
            raise _NotWanted(f"the server did not take the original: {error}") from None


class _NotWanted(KerbwatchError):
    """Nobody asks for it any more."""
