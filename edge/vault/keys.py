"""Master keys of the vault: each original has a key of its own, and the master key wraps those.

A key file is one line of text, then a line ``<key id> <key, hex>`` for each key. The first key seals; further ones are
older and only there while a rotation is under way. The id is made from the key, so a damaged line shows.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from detector.errors import InputError, SealError
from detector.key_file import read_private
from edge.durable import create_once, explain, make_dir, write_atomic

KEY_FILE: Final = "vault.key"
KEY_BYTES: Final = 32
_NONCE_BYTES = 12
_PRIVATE = 0o600
_HEAD = "Kerbwatch vault keys: the first one seals; others are older and being replaced"
_LINE = re.compile(r"([0-9a-f]{16}) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key that wraps the keys of originals (AES-256-GCM); its secret is in no `repr`."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise InputError(f"a master key has {KEY_BYTES} bytes, not {len(self.secret)}")

    @staticmethod
    def generate() -> MasterKey:
        """A new one, from the system's random source."""
        return MasterKey(secrets.token_bytes(KEY_BYTES))

    @property
    def key_id(self) -> str:
        """Name of the key, 16 hex digits; tells nothing of it."""
        return sha256(b"kerbwatch vault key\x00" + self.secret).hexdigest()[:16]

    def wrap(self, data_key: bytes, bound_to: bytes) -> bytes:
        """The data key, encrypted; only together with the same `bound_to` can it be unwrapped."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.secret).encrypt(nonce, data_key, bound_to)

    def unwrap(self, wrapped: bytes, bound_to: bytes) -> bytes:
        """The data key.

        Raises:
            SealError: it was wrapped by another key, for something else, or was changed.
        """
        try:
            return AESGCM(self.secret).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError):
            raise SealError("its key was changed, or belongs to another original") from None


class KeyProvider(Protocol):
    """Where the master keys come from; `KeyFile` unless a platform has something better."""

    def keys(self) -> tuple[MasterKey, ...]:
        """All keys, the one that seals first; one is made when there is none."""
        ...

    def add(self) -> MasterKey:
        """A new key, durable before this returns, seals from now on; the others stay."""
        ...

    def drop_older(self) -> None:
        """Destroy every key but the one that seals."""
        ...


class KeyFile:
    """Master keys in a file of mode 0600: by default in the state folder, better on what a thief does not get.

    A TPM-sealed blob unlocked at boot, or a file in a tmpfs that a provisioning service fills, are given as the path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def keys(self) -> tuple[MasterKey, ...]:
        """All keys, the one that seals first; made at first start.

        Raises:
            InputError: the file is readable by others, damaged, or cannot be written.
            TransientError: the disk is full.
        """
        if not os.path.lexists(self.path):
            make_dir(self.path.parent, mode=0o700)
            create_once(self.path, _text([MasterKey.generate()]), mode=_PRIVATE)
        return self._read()

    def add(self) -> MasterKey:
        """See `KeyProvider.add`."""
        fresh = MasterKey.generate()
        write_atomic(self.path, _text([fresh, *self.keys()]), mode=_PRIVATE)
        return fresh

    def drop_older(self) -> None:
        """See `KeyProvider.drop_older`; the old file's blocks are overwritten as well as the file system lets us."""
        keys = self.keys()
        if len(keys) == 1:
            return
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                write_atomic(self.path, _text(keys[:1]), mode=_PRIVATE)
                os.pwrite(fd, bytes(os.fstat(fd).st_size), 0)
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise explain(error, self.path, 0) from error

    def _read(self) -> tuple[MasterKey, ...]:
        lines = read_private(self.path).decode("ascii", "replace").splitlines()
        found = [_LINE.fullmatch(line) for line in lines[1:]]
        keys = tuple(MasterKey(bytes.fromhex(match[2])) for match in found if match)
        whole = all(match and match[1] == key.key_id for match, key in zip(found, keys, strict=False))
        if not keys or len(keys) != len(found) or not whole or lines[0] != _HEAD:
            raise InputError(
                f"{self.path} is damaged: put back a copy, or delete it (what it sealed can then never be read)"
            )
        return keys


def _text(keys: list[MasterKey] | tuple[MasterKey, ...]) -> bytes:
    return "\n".join([_HEAD, *(f"{key.key_id} {key.secret.hex()}" for key in keys), ""]).encode()
