"""The seal: who made a report, and that nothing in it was changed since.

Canonical bytes of the body -> SHA-256 and a signature by the device key. Evidence is bound through the hashes in the
body. Anyone can check a seal with the report alone; whether the *device* is one of ours is a second question, which
only a list of trusted keys answers (`detector.evidence.verify`, the server's registry).

A new algorithm (SM2 with SM3) is one more entry of `detector.signing.ALGORITHMS` and one more word in
`detector.report.Seal`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import ValidationError

from detector.errors import SealError
from detector.report import ReportBody, Seal, SealedReport, canonical_bytes
from detector.signing import ALGORITHMS, ED25519_SHA256, SigningKey


@dataclass(frozen=True, slots=True)
class DeviceKey(SigningKey):
    """The key a device seals with; `edge.device` keeps it on disk."""

    @property
    def device_id(self) -> str:
        """SHA-256 of the raw public key, hex: the identity exists before any server does."""
        return self.key_id


def seal(body: ReportBody, key: DeviceKey) -> SealedReport:
    """Seal a report.

    Raises:
        SealError: the body names another device than the key's.
    """
    if body.device_id != key.device_id:
        raise SealError(f"report {body.report_id} names device {body.device_id}, but the key is of {key.device_id}")
    message = canonical_bytes(body)
    return SealedReport(
        body=body,
        seal=Seal(
            algorithm=ED25519_SHA256,
            public_key=key.public_key,
            body_sha256=ALGORITHMS[ED25519_SHA256].digest(message),
            signature=key.sign(message).hex(),
        ),
    )


def check_seal(sealed: SealedReport) -> None:
    """Check that the device named in the body sealed exactly this body.

    Raises:
        SealError: names the first of: unknown algorithm, key of another device, changed body, forged signature.
    """
    report_id, mark = sealed.body.report_id, sealed.seal
    algorithm = ALGORITHMS.get(mark.algorithm)
    if algorithm is None:
        raise SealError(f"report {report_id}: seal {mark.algorithm!r} is unknown; known: {', '.join(ALGORITHMS)}")
    public_key = bytes.fromhex(mark.public_key)
    if algorithm.digest(public_key) != sealed.body.device_id:
        raise SealError(f"report {report_id}: the seal's key is not the key of device {sealed.body.device_id}")
    message = canonical_bytes(sealed.body)
    if algorithm.digest(message) != mark.body_sha256:
        raise SealError(f"report {report_id}: the body was changed after sealing (its hash differs from the seal's)")
    if not algorithm.holds(public_key, bytes.fromhex(mark.signature), message):
        raise SealError(f"report {report_id}: the signature is not by the device's key")


def sealed_bytes(sealed: SealedReport) -> bytes:
    """The one byte string of a sealed report: what is sent, and what `reports/<report_id>.json` holds."""
    data = sealed.model_dump(mode="json", by_alias=True)
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def parse_sealed(data: bytes) -> SealedReport:
    """Read a sealed report from its bytes; says nothing about its seal.

    Raises:
        SealError: not a sealed report.
    """
    try:
        return SealedReport.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SealError(f"not a sealed report: {where or 'JSON'}: {first['msg']}") from None


def read_sealed(data: bytes) -> SealedReport:
    """Read a sealed report from its bytes and check its seal.

    Raises:
        SealError: not a report, not written the one canonical way (so that *any* changed byte shows, also one in the
            spacing), or the seal does not hold.
    """
    sealed = parse_sealed(data)
    check_seal(sealed)
    if sealed_bytes(sealed) != data:
        raise SealError(f"report {sealed.body.report_id}: the bytes were changed outside the sealed values")
    return sealed
