"""A seal holds for exactly what the device sealed, and for nothing else."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from detector.errors import SealError
from detector.evidence.seal import DeviceKey, check_seal, read_sealed, seal, sealed_bytes
from detector.report import SealedReport
from edge.parcels import EvidenceFile
from tests.edge.reports import body

KEY = DeviceKey.generate()
OTHER = DeviceKey.generate()
SEALED = seal(body(0, uuid.UUID(int=1), KEY.device_id, [EvidenceFile.of(b"picture", ".jpg")]), KEY)


def test_what_was_sealed_holds_and_reads_back() -> None:
    check_seal(SEALED)
    again = read_sealed(sealed_bytes(SEALED))
    assert again == SEALED
    assert sealed_bytes(again) == sealed_bytes(SEALED)


def test_a_key_shows_nothing_private() -> None:
    assert "private" not in repr(KEY)
    assert KEY.private.private_bytes_raw().hex() not in repr(KEY)
    assert KEY.device_id in repr(KEY)


def test_a_body_of_another_device_is_not_sealed() -> None:
    with pytest.raises(SealError, match=f"names device {KEY.device_id}, but the key is of {OTHER.device_id}"):
        seal(SEALED.body, OTHER)


def _with(part: str, **changes: Any) -> SealedReport:
    return SEALED.model_copy(update={part: getattr(SEALED, part).model_copy(update=changes)})


@pytest.mark.parametrize(
    ("sealed", "message"),
    [
        (_with("seal", algorithm="sm2+sm3"), r"seal 'sm2\+sm3' is unknown; known: ed25519\+sha256"),
        (_with("seal", public_key=OTHER.public_key), "not the key of device"),
        (_with("body", device_id=OTHER.device_id), "not the key of device"),
        (_with("body", probability=0.94), "the body was changed after sealing"),
        (_with("body", count=2), "the body was changed after sealing"),
        (_with("seal", body_sha256="0" * 64), "the body was changed after sealing"),
        (_with("seal", signature="0" * 128), "the signature is not by the device's key"),
        (_with("seal", signature=OTHER.sign(b"x").hex()), "the signature is not by the device's key"),
    ],
)
def test_the_first_break_is_named(sealed: SealedReport, message: str) -> None:
    with pytest.raises(SealError, match=message):
        check_seal(sealed)


def test_a_changed_body_with_its_hash_mended_is_still_found() -> None:
    from detector.report import body_sha256

    changed = SEALED.body.model_copy(update={"probability": 0.01})
    forged = SealedReport(body=changed, seal=SEALED.seal.model_copy(update={"body_sha256": body_sha256(changed)}))
    with pytest.raises(SealError, match="the signature is not by the device's key"):
        check_seal(forged)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a sealed report: JSON"),
        (b"{}", "not a sealed report: body: Field required"),
        (b"[1]", "not a sealed report"),
        (b"\xff\xfe", "not a sealed report"),
        (sealed_bytes(SEALED) + b"\n", "changed outside the sealed values"),
        (sealed_bytes(SEALED).replace(b",", b", ", 1), "changed outside the sealed values"),
        (json.dumps(json.loads(sealed_bytes(SEALED))).encode(), "changed outside the sealed values"),
        (sealed_bytes(SEALED).replace(b'{"body":{', b'{"body":{"count":9,', 1), "changed outside the sealed values"),
        (sealed_bytes(SEALED).replace(b'"count":1', b'"count":1,"note":2', 1), "note: Extra inputs are not permitted"),
    ],
    ids=range(9),
)
def test_bytes_that_are_not_the_canonical_ones(data: bytes, message: str) -> None:
    with pytest.raises(SealError, match=message):
        read_sealed(data)


def test_every_single_changed_byte_is_found() -> None:
    data = bytearray(sealed_bytes(SEALED))
    for at in range(len(data)):
        data[at] ^= 1
        with pytest.raises(SealError):
            read_sealed(bytes(data))
        data[at] ^= 1
    read_sealed(bytes(data))
