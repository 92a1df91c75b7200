"""Private keys on disk: files that only their owner may read, and that say whose key they hold.

A key file is one line ``Kerbwatch <owner> <key id>`` and the key as PEM (PKCS #8, not encrypted). The line is there
because a damaged key that still parses would be another key, and because a device's key must not sign models.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from detector.errors import InputError
from detector.signing import SigningKey

_SIZE_MAX_BYTES = 64 * 1024


def key_text(key: SigningKey, owner: str) -> bytes:
    """The bytes of a key file.

    Args:
        owner: what the key is for, e.g. ``device``; reading asks for the same word.
    """
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return f"Kerbwatch {owner} {key.key_id}\n".encode() + pem


def read_key(path: Path, owner: str, mend: str) -> SigningKey:
    """The key in a file.

    Args:
        owner: as it was written with.
        mend: what is said of a file that holds no such key: the fault and the fix.

    Raises:
        InputError: the file is readable by others, a link, damaged, or holds a key of another owner.
    """
    unusable = InputError(f"{path} {mend}")
    data = read_private(path)
    name = re.match(rb"Kerbwatch %b ([0-9a-f]{64})\n" % re.escape(owner.encode()), data)
    if name is None:
        raise unusable
    try:
        private = load_pem_private_key(data[name.end() :], password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise unusable from None
    if not isinstance(private, Ed25519PrivateKey):
        raise unusable
    key = SigningKey.of(private)
    if key.key_id.encode() != name[1]:
        raise unusable
    return key


def create_private(path: Path, data: bytes) -> bool:
    """Write a file of mode 0600 if the name is free; False when it is taken. Never half a file, never a lost race.

    Raises:
        InputError: the folder cannot be written.
    """
    try:
        # The temporary file is of mode 0600 from its first moment; the link gives the whole file its name.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".tmp-") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.link(file.name, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror}; name a file in a folder this user may write"
        ) from error
    return True


def read_private(path: Path) -> bytes:
    """Read a file that must belong to its owner alone; a link is refused, for it may point anywhere.

    Raises:
        InputError: the file is readable by others, no plain file, or cannot be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is not a plain file")
        if status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise InputError(f"{path} can be read by others (mode {mode:04o}): run chmod 600 {path}")
        return os.read(fd, _SIZE_MAX_BYTES)
    finally:
        os.close(fd)
