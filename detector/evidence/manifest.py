"""The manifest of a patrol's folder: which reports lie in it, sealed by the device, so that one taken away whole shows.

A downloaded case has none: it is a part of what a device reported, and only the service can say which.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detector.errors import SealError
from detector.evidence.seal import DeviceKey
from detector.report import Seal, Sha256
from detector.signing import ALGORITHMS, ED25519_SHA256

MANIFEST_FILE: Final = "manifest.json"
SCHEMA: Final = "kerbwatch-manifest/1"


class Manifest(BaseModel):
    """What a folder held when it was last published.

    Attributes:
        reports: hash of each report's body by its id.
        files: hash of each further file by its name, e.g. ``coverage.geojson``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    schema_: Literal["kerbwatch-manifest/1"] = Field(default=SCHEMA, alias="schema")
    device_id: Sha256
    reports: Annotated[dict[uuid.UUID, Sha256], Field(max_length=1_000_000)]
    files: Annotated[dict[str, Sha256], Field(max_length=100)]


class SealedManifest(BaseModel):
    """The manifest and the device's seal over its canonical bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    manifest: Manifest
    seal: Seal


def sealed_manifest(reports: Mapping[uuid.UUID, str], files: Mapping[str, str], key: DeviceKey) -> bytes:
    """The manifest file's bytes; the same content always gives the same ones."""
    manifest = Manifest(device_id=key.device_id, reports=dict(reports), files=dict(files))
    message = _canonical(manifest)
    seal = Seal(
        algorithm=ED25519_SHA256,
        public_key=key.public_key,
        body_sha256=hashlib.sha256(message).hexdigest(),
        signature=key.sign(message).hex(),
    )
    return _canonical(SealedManifest(manifest=manifest, seal=seal))


def read_manifest(data: bytes) -> Manifest:
    """Read a manifest file and check its seal.

    Raises:
        SealError: not a manifest, changed after sealing, or not sealed by the device it names.
    """
    try:
        sealed = SealedManifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SealError(f"not a manifest: {where or 'JSON'}: {first['msg']}") from None
    algorithm = ALGORITHMS[sealed.seal.algorithm]
    message, public_key = _canonical(sealed.manifest), bytes.fromhex(sealed.seal.public_key)
    if algorithm.digest(public_key) != sealed.manifest.device_id:
        raise SealError(f"the seal's key is not the key of device {sealed.manifest.device_id}")
    if algorithm.digest(message) != sealed.seal.body_sha256 or _canonical(sealed) != data:
        raise SealError("was changed after sealing")
    if not algorithm.holds(public_key, bytes.fromhex(sealed.seal.signature), message):
        raise SealError("the signature is not by the device's key")
    return sealed.manifest


def _canonical(model: BaseModel) -> bytes:
    content: dict[str, Any] = model.model_dump(mode="json", by_alias=True)
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
