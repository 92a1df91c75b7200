"""The evidence store: files under the SHA-256 of their bytes, written once.

obstore does not fsync, so `put` does, file and folders, before it returns: what it has taken survives a power cut.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, GenericError
from obstore.store import LocalStore

from server.errors import NotFound

_CHUNK_BYTES = 1024 * 1024


class EvidenceStore:
    """Evidence files of any device, content-addressed under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_folder(folder)
        self._store = LocalStore(prefix=folder)

    def put(self, sha256: str, file: Path) -> None:
        """Takes a file whose hash has been checked; it is on the disk for good when this returns.

        Raises:
            OSError: it was not taken, e.g. because the disk is full.
        """
        make_folder((self.folder / _key(sha256)).parent)
        with _os_errors(self.folder):
            try:
                obstore.put(self._store, _key(sha256), file, mode="create")
            except AlreadyExistsError:
                # A power cut can leave a name without its bytes.
                if self.sha256_of(sha256) != sha256:
                    obstore.put(self._store, _key(sha256), file, mode="overwrite")
        fsync_path(self.folder / _key(sha256))
        fsync_path((self.folder / _key(sha256)).parent)

    def has(self, sha256: str) -> bool:
        """Whether the file is here."""
        try:
            obstore.head(self._store, _key(sha256))
        except FileNotFoundError:
            return False
        return True

    def delete(self, sha256: str) -> None:
        """Forgets a file; one that is not here is no error."""
        path = self.folder / _key(sha256)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            fsync_path(path.parent)

    def read(self, sha256: str) -> bytes:
        """The whole file.

        Raises:
            NotFound: it is not here (yet).
        """
        return b"".join(self.chunks(sha256))

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """The file in pieces.

        Raises:
            NotFound: it is not here (yet); raised by the call, not by the first piece.
        """
        try:
            result = obstore.get(self._store, _key(sha256))
        except FileNotFoundError:
            raise NotFound(f"evidence {sha256} is not stored") from None
        return (bytes(chunk) for chunk in result.stream(min_chunk_size=_CHUNK_BYTES))

    def sha256_of(self, sha256: str) -> str:
        """Hash of the bytes that really lie there, hex."""
        digest = hashlib.sha256()
        for chunk in self.chunks(sha256):
            digest.update(chunk)
        return digest.hexdigest()


@contextmanager
def _os_errors(folder: Path) -> Iterator[None]:
    """obstore names the system's error only in its text; the service acts on its number, see `server.api.problems`."""
    try:
        yield
    except GenericError as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        code = int(number[1]) if number else errno.EIO
        raise OSError(code, os.strerror(code), str(folder)) from error


def make_folder(folder: Path) -> None:
    """Makes a folder that only the service's user may enter, and its name durable."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    fsync_path(folder.parent)


def fsync_path(path: Path) -> None:
    """Puts a file's bytes, or a folder's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"
