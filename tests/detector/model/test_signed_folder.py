"""Whatever was done to a signed bundle is refused with its own reason, before anything in it is parsed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.errors import BundleError
from detector.model.bundle import load_bundle
from detector.model.signature import sign_sums
from detector.model.signed_folder import read_signed, read_sums
from detector.model.signers import Signer, Trust
from detector.signing import SigningKey
from tests.detector.model.conftest import BundleFolder, card
from tests.signing import KEY, TRUST

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
Change = Callable[[BundleFolder], None]


def _flip_byte(name: str) -> Change:
    def change(folder: BundleFolder) -> None:
        data = bytearray((folder.dir / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder.dir / name).write_bytes(data)

    return change


def _lose(name: str) -> Change:
    return lambda folder: (folder.dir / name).unlink()


def _add_file(folder: BundleFolder) -> None:
    (folder.dir / "extra.bin").write_bytes(b"")


def _other_bundle(folder: BundleFolder) -> Path:
    """A bundle of the same signer with another card, as good as the first."""
    other = BundleFolder(shutil.copytree(folder.dir, folder.dir.with_name("other")))
    other.write_card({**card(), "name": "other"})
    return other.dir


def _swap_card(folder: BundleFolder) -> None:
    shutil.copyfile(_other_bundle(folder) / "card.yaml", folder.dir / "card.yaml")


def _swap_card_and_list(folder: BundleFolder) -> None:
    other = _other_bundle(folder)
    for name in ("card.yaml", SUMS):
        shutil.copyfile(other / name, folder.dir / name)


def _swap_card_list_and_signature(folder: BundleFolder) -> None:
    """The other bundle's list is genuine, but it is not the list of this model."""
    other = BundleFolder(_other_bundle(folder))
    other.write("model.onnx", (other.dir / "model.onnx").read_bytes() + b"\0")
    for name in ("card.yaml", SUMS, SIGNATURE):
        shutil.copyfile(other.dir / name, folder.dir / name)


def _sign_by_stranger(folder: BundleFolder) -> None:
    (folder.dir / SIGNATURE).write_bytes(sign_sums((folder.dir / SUMS).read_bytes(), SigningKey.generate()))


def _sign_in_another_name(folder: BundleFolder) -> None:
    """A stranger's signature that names the trusted key."""
    forged = json.loads(sign_sums((folder.dir / SUMS).read_bytes(), SigningKey.generate()))
    (folder.dir / SIGNATURE).write_text(json.dumps({**forged, "key_id": KEY.key_id}))


def _cut_file(folder: BundleFolder) -> None:
    data = (folder.dir / SIGNATURE).read_bytes()
    (folder.dir / SIGNATURE).write_bytes(data[: len(data) // 2])


def _mark(**fields: object) -> Change:
    """Other words in the signature file; `None` leaves the field out."""

    def change(folder: BundleFolder) -> None:
        content = {**json.loads((folder.dir / SIGNATURE).read_text()), **fields}
        content = {name: value for name, value in content.items() if value is not None}
        (folder.dir / SIGNATURE).write_text(json.dumps(content))

    return change


def _cut_signature(folder: BundleFolder) -> None:
    _mark(signature=json.loads((folder.dir / SIGNATURE).read_text())["signature"][:-4])(folder)


def _link(name: str) -> Change:
    """The very bytes that were signed, but by way of a link, which can point elsewhere a moment later."""

    def change(folder: BundleFolder) -> None:
        away = folder.dir.with_name("away")
        shutil.move(folder.dir / name, away)
        (folder.dir / name).symlink_to(away)

    return change


def _pipe(name: str) -> Change:
    def change(folder: BundleFolder) -> None:
        (folder.dir / name).unlink()
        os.mkfifo(folder.dir / name)

    return change


def _grow(folder: BundleFolder) -> None:
    (folder.dir / SUMS).write_text("#" * 20_000)


REFUSED = [
    (_flip_byte("model.onnx"), r"model\.onnx has SHA-256 .*: the file was changed or cut"),
    (_flip_byte("card.yaml"), r"card\.yaml has SHA-256 .*: the file was changed or cut"),
    (_flip_byte("golden.png"), r"golden\.png has SHA-256 .*: the file was changed or cut"),
    (_flip_byte(SUMS), r"SHA256SUMS\.sig: not throw-away's signature of this SHA256SUMS"),
    (_lose("golden.npz"), r"golden\.npz is missing: copy the bundle again"),
    (_add_file, r"extra\.bin is not listed in SHA256SUMS: take it out"),
    (_swap_card, r"card\.yaml has SHA-256 .*: the file was changed or cut"),
    (_swap_card_and_list, r"SHA256SUMS\.sig: not throw-away's signature of this SHA256SUMS"),
    (_swap_card_list_and_signature, r"model\.onnx has SHA-256 .*: the file was changed or cut"),
    (_lose(SIGNATURE), r"SHA256SUMS\.sig is missing: the bundle is unsigned.*kerbwatch models sign .*tiny --key KEY"),
    (_sign_by_stranger, r"signed by key [0-9a-f]{16}, which is not trusted \(trusted: throw-away\).*--trust KEY\.pub"),
    (_sign_in_another_name, r"SHA256SUMS\.sig: not throw-away's signature of this SHA256SUMS"),
    (_cut_file, r"SHA256SUMS\.sig is cut or no signature file: JSON: .*copy the bundle again"),
    (_cut_signature, r"the signature has 63 bytes, ed25519\+sha256 has 64: it was cut"),
    (_mark(signature="no base 64"), r"the signature is no base64"),
    (_mark(signature=None), r"is cut or no signature file: signature: Field required"),
    (_mark(algorithm="sm2+sm3"), r"algorithm 'sm2\+sm3' is unknown; known: ed25519\+sha256: sign the bundle with one"),
    (_mark(algorithm=None), r"is cut or no signature file: algorithm: Field required"),
    (_mark(schema="kerbwatch-signature/9"), r"is cut or no signature file: schema: "),
    (_mark(note="more"), r"is cut or no signature file: note: Extra inputs"),
    (_link("model.onnx"), r"model\.onnx is a link; a bundle holds plain files only"),
    (_link("card.yaml"), r"card\.yaml is a link; a bundle holds plain files only"),
    (_link(SUMS), r"SHA256SUMS is a link; a bundle holds plain files only"),
    (_link(SIGNATURE), r"SHA256SUMS\.sig is a link; a bundle holds plain files only"),
    (_pipe("card.yaml"), r"card\.yaml is not a plain file"),
    (_grow, r"SHA256SUMS has 20000 bytes, at most 16384 are allowed"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_was_done_to_a_bundle_is_named(tiny: BundleFolder, change: Change, message: str) -> None:
    load_bundle(tiny.dir, TRUST)
    change(tiny)
    with pytest.raises(BundleError, match=message):
        load_bundle(tiny.dir, TRUST)


@pytest.mark.parametrize(
    ("break_signature", "message"),
    [
        (_lose(SIGNATURE), "unsigned"),
        (_sign_by_stranger, "not trusted"),
        (_sign_in_another_name, "not throw-away's signature"),
        (_mark(algorithm="sm2+sm3"), "is unknown"),
    ],
)
@pytest.mark.parametrize(
    ("name", "hostile"),
    [
        ("card.yaml", b"name: ["),  # no YAML
        ("card.yaml", b"\xff"),  # no text
        ("model.onnx", b"no network"),
        ("golden.npz", b"PK\x03\x04"),
        ("golden.png", b"\x89PNG\r\n\x1a\n"),
        (SUMS, b"../../etc/passwd\n"),
    ],
)
def test_nothing_is_parsed_before_the_signature_holds(
    tiny: BundleFolder, name: str, hostile: bytes, break_signature: Change, message: str
) -> None:
    if name == SUMS:
        (tiny.dir / SUMS).write_bytes(hostile)
        (tiny.dir / SIGNATURE).write_bytes(sign_sums(hostile, KEY))
    else:
        tiny.write(name, hostile)
    with pytest.raises(BundleError) as parsed:
        load_bundle(tiny.dir, TRUST)  # under a good signature the parser speaks
    assert message not in str(parsed.value)
    break_signature(tiny)
    with pytest.raises(BundleError, match=message):
        load_bundle(tiny.dir, TRUST)


def test_nothing_is_parsed_before_its_hash_holds(tiny: BundleFolder) -> None:
    """A card that would raise in the parser, put in after signing."""
    (tiny.dir / "card.yaml").write_bytes(b"name: [")
    with pytest.raises(BundleError, match=r"card\.yaml has SHA-256"):
        load_bundle(tiny.dir, TRUST)


def test_only_the_shipped_signers_are_trusted_unless_told(tiny: BundleFolder) -> None:
    with pytest.raises(BundleError, match=r"not trusted \(trusted: kerbwatch-release-2026\)"):
        load_bundle(tiny.dir)


def test_trust_in_nobody_loads_nothing(tiny: BundleFolder) -> None:
    with pytest.raises(BundleError, match=r"not trusted \(trusted: nobody\)"):
        load_bundle(tiny.dir, Trust(()))


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2026-05-17", "2026-05-17", None),  # the card's own day
        ("2026-05-18", None, r"card was made on 2026-05-17, but city may sign not before 2026-05-18"),
        (None, "2026-05-16", r"card was made on 2026-05-17, but city may sign not after 2026-05-16"),
    ],
)
def test_a_key_signs_for_its_days_only(
    tiny: BundleFolder, first: str | None, last: str | None, message: str | None
) -> None:
    entry = {"name": "city", "algorithm": "ed25519+sha256", "public_key": KEY.public_key}
    trust = Trust((Signer.model_validate({**entry, "valid_from": first, "valid_until": last}),))
    if message is None:
        assert load_bundle(tiny.dir, trust).signer.name == "city"
    else:
        with pytest.raises(BundleError, match=message):
            load_bundle(tiny.dir, trust)


def test_a_bundle_names_its_signer_and_all_its_bytes(tiny: BundleFolder) -> None:
    bundle, signed = load_bundle(tiny.dir, TRUST), read_signed(tiny.dir, TRUST)
    assert (bundle.signer.name, bundle.signer.key_id) == ("throw-away", KEY.key_id)
    assert bundle.sums_sha256 == signed.sums_sha256
    assert set(signed.files) == {"card.yaml", "golden.npz", "golden.png", "model.onnx"}
    tiny.write_card({**card(), "version": "1.0.1"})
    assert load_bundle(tiny.dir, TRUST).sums_sha256 != bundle.sums_sha256


def test_a_bundle_folder_may_itself_be_a_link(tiny: BundleFolder) -> None:
    """So a device can switch from one bundle to the next in one step."""
    current = tiny.dir.with_name("current")
    current.symlink_to(tiny.dir)
    assert load_bundle(current, TRUST).card.name == "tiny"


def test_who_signs_reads_a_list_without_a_signature(tiny: BundleFolder) -> None:
    sums = read_sums(tiny.dir)
    (tiny.dir / SIGNATURE).unlink()
    assert read_sums(tiny.dir) == sums
    _flip_byte("card.yaml")(tiny)
    with pytest.raises(BundleError, match=r"card\.yaml has SHA-256"):
        read_sums(tiny.dir)
