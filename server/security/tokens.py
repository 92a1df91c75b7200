"""Random secrets, of which the database keeps only a SHA-256.

They carry at least 100 random bits, so a fast hash is enough; passwords, which people choose, go through Argon2.
"""

from __future__ import annotations

import base64
import hashlib
import secrets


def new_token() -> str:
    """A bearer or session token: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """An enrolment code a person can type: 100 random bits as ``ABCDE-FGHIJ-KLMNO-PQRST``."""
    letters = base64.b32encode(secrets.token_bytes(13)).decode()[:20]
    return "-".join(letters[i : i + 5] for i in range(0, 20, 5))


def new_password() -> str:
    """A reviewer's first password: 100 random bits as ``abcde-fghij-klmno-pqrst``."""
    return new_code().lower()


def fingerprint(secret: str) -> str:
    """What the database keeps of a secret: SHA-256, hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def derived(secret: str, purpose: str) -> str:
    """A second secret that whoever holds the first can always make again, e.g. the CSRF token of a session."""
    return hashlib.blake2b(purpose.encode(), key=secret.encode()[:64], digest_size=32).hexdigest()
