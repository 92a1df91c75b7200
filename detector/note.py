"""A rider's note: what a person on the vehicle said of a report, or of something the box did not see.

Like the report it is a contract between edge and server: one JSON object (`SealedNote`), idempotent by `note_id` and
sealed by the device. It names no person, and its picture, when there is one, is a blurred copy that travels inside.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from detector.errors import SealError
from detector.evidence.seal import DeviceKey
from detector.report import Name, Seal, Sha256, Utc
from detector.signing import ALGORITHMS, ED25519_SHA256
from detector.vocabulary import Kind

SCHEMA: Final = "kerbwatch-note/1"
PICTURE_MAX_BYTES: Final = 512 * 1024
NOTE_MAX_BYTES: Final = 768 * 1024
"""Of the whole JSON: the picture in base64, and the rest."""

Said = Literal["warned", "missed"]
"""``warned``: the people there were told on site; ``missed``: the box did not see something that it should have."""


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NotePlace(_Wire):
    """Where the vehicle was, WGS-84; the thing is somewhere around it."""

    lon_deg: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    lat_deg: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    sigma_m: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    synthetic: bool = False


class NotePicture(_Wire):
    """The blurred picture of that moment, bound by the hash of its bytes."""

    media_type: Literal["image/jpeg"] = "image/jpeg"
    sha256: Sha256
    size_bytes: Annotated[int, Field(gt=0, le=PICTURE_MAX_BYTES)]
    width_px: Annotated[int, Field(gt=0, le=4096)]
    height_px: Annotated[int, Field(gt=0, le=4096)]
    blur_method: Name
    camera_id: Name
    captured_at: Utc


class NoteBody(_Wire):
    """What the seal covers."""

    schema_: Literal["kerbwatch-note/1"] = Field(default=SCHEMA, alias="schema")
    note_id: uuid.UUID
    device_id: Sha256
    said: Said
    made_at: Utc
    report_id: uuid.UUID | None = None
    """The report that is meant, of ``warned``."""
    kind: Kind | None = None
    """Of ``missed``, when the rider said so."""
    place: NotePlace | None = None
    picture: NotePicture | None = None

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    @model_validator(mode="after")
    def _consistent(self) -> NoteBody:
        if (self.said == "warned") != (self.report_id is not None):
            raise ValueError("report_id belongs to 'warned', and to nothing else")
        if self.said == "warned" and (self.kind or self.picture):
            raise ValueError("'warned' carries no kind and no picture: the report has them")
        return self


class SealedNote(_Wire):
    """What travels."""

    body: NoteBody
    seal: Seal
    picture_base64: Annotated[str, Field(max_length=4 * PICTURE_MAX_BYTES // 3 + 4)] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CheckedNote:
    """A note whose seal holds, and the bytes of its picture."""

    body: NoteBody
    picture: bytes | None


def seal_note(body: NoteBody, key: DeviceKey, picture: bytes | None = None) -> bytes:
    """The one byte string of a sealed note: JSON, keys sorted.

    Raises:
        SealError: the body names another device than the key's, or another picture.
    """
    if body.device_id != key.device_id:
        raise SealError(f"note {body.note_id} names device {body.device_id}, but the key is of {key.device_id}")
    _check_picture(body, picture)
    message = _canonical(body)
    sealed = SealedNote(
        body=body,
        seal=Seal(
            algorithm=ED25519_SHA256,
            public_key=key.public_key,
            body_sha256=ALGORITHMS[ED25519_SHA256].digest(message),
            signature=key.sign(message).hex(),
        ),
        picture_base64=base64.b64encode(picture).decode("ascii") if picture is not None else None,
    )
    data = sealed.model_dump(mode="json", by_alias=True)
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def check_note(sealed: SealedNote) -> CheckedNote:
    """Check that the device named in the body sealed exactly this body, and that the picture is the one it names.

    Raises:
        SealError: names what does not hold.
    """
    body, mark = sealed.body, sealed.seal
    algorithm = ALGORITHMS[mark.algorithm]
    public_key, message = bytes.fromhex(mark.public_key), _canonical(body)
    if algorithm.digest(public_key) != body.device_id:
        raise SealError(f"note {body.note_id}: the seal's key is not the key of device {body.device_id}")
    if algorithm.digest(message) != mark.body_sha256:
        raise SealError(f"note {body.note_id}: the body was changed after sealing")
    if not algorithm.holds(public_key, bytes.fromhex(mark.signature), message):
        raise SealError(f"note {body.note_id}: the signature is not by the device's key")
    try:
        picture = base64.b64decode(sealed.picture_base64, validate=True) if sealed.picture_base64 is not None else None
    except binascii.Error:
        raise SealError(f"note {body.note_id}: the picture is not base64") from None
    _check_picture(body, picture)
    return CheckedNote(body, picture)


def _check_picture(body: NoteBody, picture: bytes | None) -> None:
    named = body.picture
    if (named is None) != (picture is None):
        raise SealError(f"note {body.note_id}: the body names {'no' if named is None else 'a'} picture")
    if named is None or picture is None:
        return
    if len(picture) != named.size_bytes or sha256(picture).hexdigest() != named.sha256:
        raise SealError(f"note {body.note_id}: the picture has other bytes than the body names")


def _canonical(body: NoteBody) -> bytes:
    data = body.model_dump(mode="json", by_alias=True)
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
