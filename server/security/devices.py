"""Devices: let in by a one-time code, named by their key, known by their token."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from detector.vocabulary import Text
from server.db.tables import Device, EnrolmentCode
from server.errors import Forbidden, Refused
from server.security.tokens import fingerprint, new_code, new_token

_CODE_REFUSED = Text("注册码无效", "The enrolment code is not valid")


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device whose token was right."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class NewCode:
    """An enrolment code just made; the code itself is kept nowhere."""

    code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A device just let in; the token is kept nowhere."""

    device_id: str
    token: str


def device_id(public_key: str) -> str:
    """The device's name everywhere: SHA-256 of its raw public key, hex."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()


def enrolment_message(code: str, name: str) -> bytes:
    """What a device signs to show that it holds the key it enrols with."""
    return b"kerbwatch-enrol\x1f" + code.encode() + b"\x1f" + name.encode()


def mint_code(session: Session, *, now: datetime, life: timedelta, created_by: int | None) -> NewCode:
    """A new one-time enrolment code."""
    code = new_code()
    session.add(
        EnrolmentCode(code_sha256=fingerprint(code), created_at=now, expires_at=now + life, created_by=created_by)
    )
    return NewCode(code, now + life)


def enrol(session: Session, *, code: str, public_key: str, name: str, signature: str, now: datetime) -> Enrolled:
    """Lets a device in, or gives one that is known a new token; the old token ends. A code lets in one device.

    Raises:
        Refused: the signature is not by this key over code and name.
        Forbidden: the code is unknown, used or expired, which is not told apart; or the device was shut out.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), enrolment_message(code, name))
    except (InvalidSignature, ValueError):
        raise Refused("the signature is not by public_key over code and name", slug="wrong-signature") from None
    entry = session.scalar(select(EnrolmentCode).where(EnrolmentCode.code_sha256 == fingerprint(code)))
    # The device that used the code may use it again: the answer with its token may have been lost on the way.
    spent = entry is not None and entry.used_at is not None and entry.used_by != device_id(public_key)
    if entry is None or spent or entry.expires_at <= now:
        raise Forbidden(
            "the enrolment code is unknown, used or expired: ask a reviewer for a new one",
            slug="code-refused",
            title=_CODE_REFUSED,
        )
    token = new_token()
    known = session.get(Device, device_id(public_key))
    if known is None:
        known = Device(
            id=device_id(public_key), public_key=public_key, name=name, token_sha256=fingerprint(token), enrolled_at=now
        )
        session.add(known)
    elif known.revoked_at is not None:
        raise Forbidden("this device was shut out", slug="device-revoked")
    known.name, known.token_sha256, known.enrolled_at = name, fingerprint(token), now
    session.flush()
    entry.used_at, entry.used_by = now, known.id
    return Enrolled(known.id, token)


def find(session: Session, token: str) -> KnownDevice | None:
    """The device with this token; `None` when there is none or it was shut out."""
    row = session.scalar(select(Device).where(Device.token_sha256 == fingerprint(token)))
    return KnownDevice(row.id, row.name) if row is not None and row.revoked_at is None else None
