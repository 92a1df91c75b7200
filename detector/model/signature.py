"""``SHA256SUMS.sig``: who vouches for a list of hashes, of a bundle or of a pack, and so for every byte in it.

The signature is over the exact bytes of ``SHA256SUMS``. The file is JSON::

    {"schema": "kerbwatch-signature/1", "algorithm": "ed25519+sha256",
     "key_id": "<SHA-256 of the raw public key, hex>", "signature": "<base64>"}
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detector.errors import BundleError, InputError, PackError
from detector.model.signers import Signer, Signs, Trust
from detector.signing import ALGORITHMS, ED25519_SHA256, SigningKey

SCHEMA: Final = "kerbwatch-signature/1"


class _Signature(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Annotated[Literal["kerbwatch-signature/1"], Field(alias="schema")]
    algorithm: Annotated[str, Field(min_length=1, max_length=40)]
    key_id: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    signature: Annotated[str, Field(max_length=1024)]


def sign_sums(sums: bytes, key: SigningKey) -> bytes:
    """The content of ``SHA256SUMS.sig`` for the content of ``SHA256SUMS``."""
    content = {
        "schema": SCHEMA,
        "algorithm": ED25519_SHA256,
        "key_id": key.key_id,
        "signature": base64.b64encode(key.sign(sums)).decode("ascii"),
    }
    return (json.dumps(content, indent=1) + "\n").encode("ascii")


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a signature vouches for, in the words of its error messages.

    Attributes:
        noun: e.g. ``bundle``.
        signs: the purpose that a key needs.
        how_to_trust: what to do with a public key whose owner one knows.
        error: what is raised.
    """

    noun: str
    signs: Signs
    how_to_trust: str
    error: type[InputError]


BUNDLE: Final = Vouched(
    "bundle",
    "models",
    "give the public key with --trust KEY.pub or put it into signers/ of the site folder",
    BundleError,
)
PACK: Final = Vouched("pack", "packs", "put the public key file into `trust` of the box's own settings", PackError)


def check_signature(sums: bytes, signature: bytes, trust: Trust, where: Path, what: Vouched = BUNDLE) -> Signer:
    """Who signed a list of hashes.

    Args:
        sums: content of ``SHA256SUMS``.
        signature: content of ``SHA256SUMS.sig``.
        where: path of the signature file, for messages.
        what: bundle or pack.

    Raises:
        BundleError: for a pack `PackError`; names the first of: no signature file, unknown algorithm, signer not
            trusted, signature cut, signature of other bytes.
    """
    mark = _parse(signature, where, what)
    algorithm = ALGORITHMS.get(mark.algorithm)
    if algorithm is None:
        raise what.error(
            f"{where}: algorithm {mark.algorithm!r} is unknown; known: {', '.join(ALGORITHMS)}: "
            f"sign the {what.noun} with one of these, or install a newer Kerbwatch"
        )
    signer = trust.find(mark.algorithm, mark.key_id, what.signs)
    if signer is None:
        raise what.error(
            f"{where}: signed by key {mark.key_id[:16]}, which is not trusted (trusted: {trust.names(what.signs)}); if "
            f"you know whose it is, {what.how_to_trust}"
        )
    try:
        raw = base64.b64decode(mark.signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise what.error(f"{where}: the signature is no base64 ({error}): copy the {what.noun} again") from error
    if len(raw) != algorithm.signature_bytes:
        raise what.error(
            f"{where}: the signature has {len(raw)} bytes, {mark.algorithm} has {algorithm.signature_bytes}: it was "
            f"cut, copy the {what.noun} again"
        )
    if not algorithm.holds(bytes.fromhex(signer.public_key), raw, sums):
        raise what.error(
            f"{where}: not {signer.name}'s signature of this SHA256SUMS: the list was changed after it was signed; "
            f"do not use the {what.noun}, get it again from its maker"
        )
    return signer


def signed_by(signature: bytes, where: Path, what: Vouched = BUNDLE) -> str:
    """Id of the key that a signature names, hex; whether it is that key's is not looked at.

    Raises:
        BundleError: for a pack `PackError`; it is no signature file.
    """
    return _parse(signature, where, what).key_id


def _parse(data: bytes, where: Path, what: Vouched) -> _Signature:
    try:
        return _Signature.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "JSON"
        raise what.error(
            f"{where} is cut or no signature file: {field}: {first['msg']}; copy the {what.noun} again"
        ) from None
