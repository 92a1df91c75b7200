"""Who this device is: its key, made on first start, and the server it is enrolled at.

Both are files in the state folder that only their owner may read: `device.key` (PEM) and `enrolment.json`.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_serializer

from detector.errors import InputError
from detector.evidence.seal import DeviceKey
from detector.report import Name, Sha256, Utc
from edge.durable import create_once, make_dir, write_atomic

KEY_FILE: Final = "device.key"
ENROLMENT_FILE: Final = "enrolment.json"
_PRIVATE = 0o600
_SIZE_MAX_BYTES = 64 * 1024


def open_key(state_dir: Path) -> DeviceKey:
    """The device's key; made on first start.

    The file begins with the device id in plain text: a damaged key that still parses would be another device, and is
    refused instead.

    Raises:
        InputError: the file is readable by others, damaged, or cannot be written.
        TransientError: the disk is full.
    """
    path = state_dir / KEY_FILE
    make_dir(state_dir, mode=0o700)
    if not os.path.lexists(path):
        key = DeviceKey.generate()
        if create_once(path, _to_pem(key), mode=_PRIVATE):
            return key
    return _from_pem(path, _read_private(path))


class Enrolment(BaseModel):
    """The one server this device reports to, and the token it knows the device by.

    Attributes:
        server_url: base URL without a trailing slash; reports are only ever sent there.
        token: bearer token; hidden in `repr` and logs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    server_url: str = Field(pattern=r"^https?://\S+$")
    device_id: Sha256
    name: Name
    token: SecretStr
    enrolled_at: Utc

    @field_serializer("token", when_used="json")
    def _reveal(self, token: SecretStr) -> str:
        return token.get_secret_value()


def load_enrolment(state_dir: Path) -> Enrolment | None:
    """The enrolment, or `None` when the device was never enrolled.

    Raises:
        InputError: the file is readable by others or damaged.
    """
    path = state_dir / ENROLMENT_FILE
    if not os.path.lexists(path):
        return None
    try:
        return Enrolment.model_validate_json(_read_private(path))
    except ValidationError as error:
        raise InputError(f"{path} is damaged ({error.error_count()} errors): delete it and enrol again") from None


def save_enrolment(state_dir: Path, enrolment: Enrolment) -> None:
    """Keep the enrolment, durably, in place of an older one.

    Raises:
        InputError, TransientError: as `edge.durable.write_atomic`.
    """
    make_dir(state_dir, mode=0o700)
    write_atomic(state_dir / ENROLMENT_FILE, enrolment.model_dump_json().encode(), mode=_PRIVATE)


def _to_pem(key: DeviceKey) -> bytes:
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return f"Kerbwatch device {key.device_id}\n".encode() + pem


def _from_pem(path: Path, data: bytes) -> DeviceKey:
    damaged = InputError(
        f"{path} is damaged: put back a copy, or delete it to start as a new device (which must be enrolled again)"
    )
    name = re.match(rb"Kerbwatch device ([0-9a-f]{64})\n", data)
    if name is None:
        raise damaged
    try:
        private = load_pem_private_key(data[name.end() :], password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise damaged from None
    if not isinstance(private, Ed25519PrivateKey):
        raise damaged
    key = DeviceKey.of(private)
    if key.device_id.encode() != name[1]:
        raise damaged
    return key


def _read_private(path: Path) -> bytes:
    """Read a file that must belong to its owner alone; a link is refused, for it may point anywhere."""
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
