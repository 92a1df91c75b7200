"""Signatures and the keys that make them, for sealed reports and for model bundles alike.

A signature names its algorithm. A new one (SM2 with SM3) is one more entry of `ALGORITHMS`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519_SHA256: Final = "ed25519+sha256"


def _sha256(message: bytes) -> str:
    return hashlib.sha256(message).hexdigest()


def _ed25519_holds(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How one kind of signature hashes and how it is checked.

    Attributes:
        digest: bytes -> hex digest, for messages that are named by their hash and for key ids.
        holds: (raw public key, signature, message) -> whether the signature is genuine; never raises.
        public_key_bytes, signature_bytes: the only sizes there are.
    """

    digest: Callable[[bytes], str]
    holds: Callable[[bytes, bytes, bytes], bool]
    public_key_bytes: int
    signature_bytes: int


ALGORITHMS: Mapping[str, Algorithm] = {
    ED25519_SHA256: Algorithm(digest=_sha256, holds=_ed25519_holds, public_key_bytes=32, signature_bytes=64)
}
"""Every signature this version can check, by the name it carries."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key in memory; `detector.key_file` keeps it on disk.

    The private part never shows in `repr`, so that a logged object gives nothing away.
    """

    private: Ed25519PrivateKey = field(repr=False)
    public_key: str
    """Raw public key, hex."""
    key_id: str
    """SHA-256 of the raw public key, hex."""

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> Self:
        """The key with its public name."""
        raw = private.public_key().public_bytes_raw()
        return cls(private=private, public_key=raw.hex(), key_id=_sha256(raw))

    @classmethod
    def generate(cls) -> Self:
        """A new key from the system's random numbers."""
        return cls.of(Ed25519PrivateKey.generate())

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature of the message itself (no pre-hash), 64 bytes."""
        return self.private.sign(message)
