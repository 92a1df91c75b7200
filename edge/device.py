"""Who this device is: its key, made on first start, and the server it is enrolled at.

Both are files in the state folder that only their owner may read: `device.key` (PEM) and `enrolment.json`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_serializer

from detector.errors import InputError
from detector.evidence.seal import DeviceKey
from detector.key_file import key_text, read_key, read_private
from detector.report import Name, Sha256, Utc
from edge.durable import create_once, make_dir, write_atomic

KEY_FILE: Final = "device.key"
ENROLMENT_FILE: Final = "enrolment.json"
_PRIVATE = 0o600
_OWNER = "device"
_DAMAGED = "is damaged: put back a copy, or delete it to start as a new device (which must be enrolled again)"


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
        if create_once(path, key_text(key, _OWNER), mode=_PRIVATE):
            return key
    return DeviceKey.of(read_key(path, _OWNER, _DAMAGED).private)


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
        return Enrolment.model_validate_json(read_private(path))
    except ValidationError as error:
        raise InputError(f"{path} is damaged ({error.error_count()} errors): delete it and enrol again") from None


def save_enrolment(state_dir: Path, enrolment: Enrolment) -> None:
    """Keep the enrolment, durably, in place of an older one.

    Raises:
        InputError, TransientError: as `edge.durable.write_atomic`.
    """
    make_dir(state_dir, mode=0o700)
    write_atomic(state_dir / ENROLMENT_FILE, enrolment.model_dump_json().encode(), mode=_PRIVATE)
