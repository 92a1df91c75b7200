"""A pack from the server onto the disk, piece by piece: what is there already is not fetched again.

A piece is one request of at most 256 KiB, so that a link that is cut loses little, and a report or a heartbeat never
waits long. The pieces are on the disk (fsync) before the next is asked for. The whole file counts only when its hash
is the one that was offered.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final

from detector.errors import PermanentError
from detector.heartbeat import PackOffer
from edge.durable import disk_full, explain, free_bytes, fsync_dir
from edge.fleet.unpack import RESERVE_BYTES
from edge.wire import Answer, ServerBusy, ServerClient

PIECE_BYTES: Final = 256 * 1024
PACKS_PATH: Final = "/api/v1/fleet/packs"
_RANGE = re.compile(r"^bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})$")
_HASH_BYTES: Final = 1024 * 1024


class OfferGone(PermanentError):
    """The server no longer has what it offered, or it is not what it said."""


class Download:
    """One offered pack on its way. Belongs to one thread.

    Invariant: the part file holds the first `offset` bytes of what was offered, or of something else that had its
    size: the hash at the end tells.
    """

    def __init__(self, offer: PackOffer, folder: Path) -> None:
        """Go on with what lies in `folder` (the downloads of other offers are removed).

        Raises:
            TransientError, InputError: the folder cannot be used, or there is no room.
        """
        self.offer = offer
        self.part = folder / f"{offer.sha256}.part"
        try:
            for other in folder.iterdir():
                if other != self.part:
                    other.unlink()
            self.offset = self.part.stat().st_size if self.part.exists() else 0
            if self.offset > offer.size_bytes:
                self.part.unlink()
                self.offset = 0
        except OSError as error:
            raise explain(error, folder, 0) from error
        # The pack, and the same again unpacked.
        needed_bytes = 2 * offer.size_bytes - self.offset
        if free_bytes(folder) < needed_bytes + RESERVE_BYTES:
            raise disk_full(folder, needed_bytes, why="there is no room for the offered pack")

    @property
    def done(self) -> bool:
        """Whether all bytes are here; not yet whether they are the right ones."""
        return self.offset == self.offer.size_bytes

    def step(self, client: ServerClient) -> None:
        """Fetch the next piece.

        Raises:
            OfferGone: the server has it no more, or with another size.
            TransientError, PermanentError: see `edge.wire`; and a full disk. What is here stays.
        """
        last = min(self.offset + PIECE_BYTES, self.offer.size_bytes) - 1
        answer = client.request(
            "GET",
            client.url(f"{PACKS_PATH}/{self.offer.sha256}"),
            headers={"Range": f"bytes={self.offset}-{last}", "Accept-Encoding": "identity"},
            answer_bytes_max=PIECE_BYTES,
        )
        self._append(self._piece(answer, last))

    def finish(self) -> Path:
        """The file, whose hash is that of the offer.

        Raises:
            OfferGone: it is not; what came was removed.
            TransientError: the disk fails.
        """
        digest = hashlib.sha256()
        try:
            with self.part.open("rb") as file:
                while data := file.read(_HASH_BYTES):
                    digest.update(data)
            if digest.hexdigest() == self.offer.sha256:
                return self.part
            self.part.unlink()
        except OSError as error:
            raise explain(error, self.part, 0) from error
        self.offset = 0
        raise OfferGone(
            f"what came as pack {self.offer.version} has SHA-256 {digest.hexdigest()}, offered was "
            f"{self.offer.sha256}: it is fetched again when the server offers it again"
        )

    def _piece(self, answer: Answer, last: int) -> bytes:
        if answer.status in (404, 410):
            raise OfferGone(f"the server no longer has pack {self.offer.version} ({answer.status})")
        if answer.status != 206:
            raise ServerBusy(f"pack {self.offer.version}: answer {answer.status} to a part of it: {answer.words()}")
        found = _RANGE.match(answer.headers.get("content-range", ""))
        if found is None or int(found[1]) != self.offset or int(found[2]) > last:
            raise ServerBusy(f"pack {self.offer.version}: the answer holds another part than was asked for")
        if int(found[3]) != self.offer.size_bytes:
            raise OfferGone(f"pack {self.offer.version} has {found[3]} bytes, {self.offer.size_bytes} were offered")
        if not answer.body or len(answer.body) != int(found[2]) - self.offset + 1:
            raise ServerBusy(f"pack {self.offer.version}: the answer was cut")
        return answer.body

    def _append(self, data: bytes) -> None:
        try:
            fd = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with open(fd, "wb") as file:  # noqa: PTH123 (a descriptor, which "wb" does not truncate)
                file.seek(self.offset)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if self.offset == 0:
                fsync_dir(self.part.parent)
        except OSError as error:
            raise explain(error, self.part, len(data)) from error
        self.offset += len(data)
