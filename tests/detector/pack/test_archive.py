"""What is no pack's file is refused before anything is written or parsed."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.errors import PackError
from detector.model.signed_folder import SIGNATURE, SUMS
from detector.pack.archive import opened, scan, write_archive
from detector.pack.listing import check_path, listing
from detector.pack.manifest import MANIFEST, PackManifest, parse_manifest
from detector.pack.signed import check_archive, check_folder, look_into, pack_trust, sign_archive, sign_files
from detector.pack.version import version_key
from detector.signing import SigningKey
from tests.packs import MADE_AT, PACK_KEY, PACK_SIGNER, PACK_TRUST

MANIFEST_BYTES = PackManifest(version="1.4", made_at=MADE_AT, site_name="s", model_name="m").to_bytes()
FILES = {MANIFEST: MANIFEST_BYTES, "site/site.yaml": b"name: x\n", "model/model.onnx": bytes(range(256)) * 5}
GOOD = sign_files(FILES, PACK_KEY)


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "p.kwpack"
    path.write_bytes(data)
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", mtime: int = 0) -> bytes:
    """An archive of the pack with one member more."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(GOOD)) as old,
        tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for entry in old:
            new.addfile(entry, old.extractfile(entry))
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mtime = kind, link, mtime
        new.addfile(info)
    return out.getvalue()


def test_the_same_content_is_the_same_file() -> None:
    backwards = dict(reversed(FILES.items()))
    assert sign_files(backwards, PACK_KEY) == GOOD
    with tarfile.open(fileobj=io.BytesIO(GOOD)) as tar:
        assert tar.getnames() == [SUMS, SIGNATURE, "model/model.onnx", MANIFEST, "site/site.yaml"]
        assert {(m.uid, m.gid, m.mtime, m.mode) for m in tar} == {(0, 0, 0, 0o644)}


def test_a_good_one(tmp_path: Path) -> None:
    checked = check_archive(written(tmp_path, GOOD), PACK_TRUST)
    assert (checked.manifest.version, checked.signer.name, set(checked.sha256_of)) == ("1.4", "city", set(FILES))
    assert look_into(checked.path) == (checked.manifest, PACK_KEY.key_id)


def again(**changes: bytes) -> bytes:
    """The pack's files with others among them, and the old list and signature."""
    with tarfile.open(fileobj=io.BytesIO(GOOD)) as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]
    return write_archive({**files, **{name.replace("__", "/"): data for name, data in changes.items()}})


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"", "is cut, or has bytes behind its end"),
        (b"no archive" * 200, "is no archive, or damaged"),
        (GOOD[:5000], "is cut"),
        (GOOD + bytes(512), "is cut, or has bytes behind its end"),
        (GOOD[:-1] + b"x", "has bytes behind its end"),
        (member("../evil"), "path '../evil' may not be in a pack"),
        (member("/etc/evil"), "path '/etc/evil' may not be in a pack"),
        (member("site/../../evil"), "may not be in a pack"),
        (member("site/.hidden"), "may not be in a pack"),
        (member("site/a\nb"), "may not be in a pack"),
        (member("site/" + "x" * 200), "'././@PaxHeader' is not a plain file"),
        (member("site/l", tarfile.SYMTYPE, link="/etc/passwd"), "'site/l' is not a plain file"),
        (member("site/l", tarfile.LNKTYPE, link="pack.yaml"), "'site/l' is not a plain file"),
        (member("site/d", tarfile.CHRTYPE), "'site/d' is not a plain file"),
        (member("site/d", tarfile.FIFOTYPE), "'site/d' is not a plain file"),
        (member("site/d", tarfile.DIRTYPE), "'site/d' is not a plain file"),
        (member("site/more.yaml", mtime=5), "the header of site/more.yaml is not as kerbwatch pack writes it"),
        (again(site__more=b"x"), "site/more is not listed in SHA256SUMS"),
        (again(**{"site__site.yaml": b"other"}), "site/site.yaml has SHA-256 "),
        (again(SHA256SUMS=listing({MANIFEST: "0" * 64})), "not city's signature of this SHA256SUMS"),
        (again(**{SIGNATURE: b"{}"}), "is cut or no signature file"),
        (sign_files(FILES, None), "is unsigned: sign it with kerbwatch pack sign"),
        (sign_files(FILES, SigningKey.generate()), "is not trusted (trusted: city); if you know whose it is, put the"),
        (sign_files({"site/site.yaml": b""}, PACK_KEY), "does not list pack.yaml"),
        (
            sign_files({**FILES, MANIFEST: b"version: 1"}, PACK_KEY),
            "pack.yaml: version: Input should be a valid string",
        ),
    ],
)
def test_refused(tmp_path: Path, data: bytes, wrong: str) -> None:
    with pytest.raises(PackError, match=re.escape(wrong)):
        check_archive(written(tmp_path, data), PACK_TRUST)


def test_a_key_out_of_use(tmp_path: Path) -> None:
    retired = PACK_SIGNER.model_copy(update={"valid_until": MADE_AT.date().replace(year=2025)})
    with pytest.raises(PackError, match="the pack was made on 2026-05-18, but city may sign not after 2025-05-18"):
        check_archive(written(tmp_path, GOOD), type(PACK_TRUST)((retired,)))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"cannot read .*: No such file"):
        check_archive(tmp_path / "none.kwpack", PACK_TRUST)
    link = tmp_path / "link.kwpack"
    link.symlink_to(written(tmp_path, GOOD))
    with pytest.raises(PackError, match="cannot read"):
        check_archive(link, PACK_TRUST)
    with pytest.raises(PackError, match="is not a plain file"):
        check_archive(tmp_path, PACK_TRUST)


def test_every_byte_counts(tmp_path: Path) -> None:
    for at in range(0, len(GOOD), 61):
        data = GOOD[:at] + bytes([GOOD[at] ^ 4]) + GOOD[at + 1 :]
        with pytest.raises(PackError):
            check_archive(written(tmp_path, data), PACK_TRUST)


def test_signing_again_replaces_the_signature_and_nothing_else(tmp_path: Path) -> None:
    path = written(tmp_path, sign_files(FILES, SigningKey.generate()))
    assert sign_archive(path, PACK_KEY) == GOOD
    path.write_bytes(again(**{"site__site.yaml": b"other"}))
    with pytest.raises(PackError, match=r"site/site\.yaml has SHA-256"):
        sign_archive(path, PACK_KEY)


@pytest.mark.parametrize(
    ("path", "good"),
    [
        ("site/zones/一号.geojson", True),
        ("model/card.yaml", True),
        ("a/b/c/d/e", True),
        ("a/b/c/d/e/f", False),
        ("", False),
        ("a//b", False),
        ("a\\b", False),
        ("a/..", False),
        ("x" * 101, False),
        ("e\u0301.yaml", False),  # another spelling of é: two files of one name
    ],
)
def test_paths(path: str, good: bool) -> None:
    if good:
        assert check_path(path) == path
    else:
        with pytest.raises(PackError, match="may not be in a pack"):
            check_path(path)


def test_a_file_that_is_a_folder_too() -> None:
    with pytest.raises(PackError, match="site is a file and a folder at once"):
        sign_files({**FILES, "site": b""}, PACK_KEY)


def test_scanning_reads_no_content(tmp_path: Path) -> None:
    with opened(written(tmp_path, GOOD)) as file:
        entries = scan(file, "x")
    assert [(e.path, e.size_bytes) for e in entries][2] == ("model/model.onnx", 1280)


def damage_link(folder: Path) -> None:
    (folder / "site" / "site.yaml").unlink()
    (folder / "site" / "site.yaml").symlink_to(folder / MANIFEST)


@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        (lambda f: (f / MANIFEST).unlink(), "pack.yaml is missing"),
        (lambda f: (f / SIGNATURE).unlink(), "SHA256SUMS.sig is missing: install the pack again"),
        (lambda f: (f / "site" / "site.yaml").write_bytes(b""), "site/site.yaml has SHA-256"),
        (lambda f: (f / "more").write_bytes(b""), "more is not listed"),
        (damage_link, "is not a plain file"),
    ],
)
def test_an_unpacked_pack(tmp_path: Path, damage: Callable[[Path], object], wrong: str) -> None:
    folder = tmp_path / "unpacked"
    with tarfile.open(fileobj=io.BytesIO(GOOD)) as tar:
        tar.extractall(folder, filter="data")
    archive = check_archive(written(tmp_path, GOOD), PACK_TRUST)
    assert check_folder(folder, PACK_TRUST).sums_sha256 == archive.sums_sha256
    damage(folder)
    with pytest.raises(PackError, match=re.escape(wrong)):
        check_folder(folder, PACK_TRUST)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (b"[", "is not YAML"),
        (b"[]", "the whole file: Input should be"),
        (MANIFEST_BYTES + b"more: 1\n", "more: Extra inputs are not permitted"),
        (MANIFEST_BYTES.replace(b"1.4", b"1.4-rc1"), "version: String should match pattern"),
        (MANIFEST_BYTES.replace(b"slower_max: 1.5", b"slower_max: 0.5"), "limits.slower_max: Input should be greater"),
    ],
)
def test_manifests(text: bytes, wrong: str) -> None:
    with pytest.raises(PackError, match=re.escape(wrong)):
        parse_manifest(text, "pack.yaml")


@pytest.mark.parametrize(("low", "high"), [("1.9", "1.10"), ("1", "1.0.1"), ("0.9.9.9", "1"), ("2", "10")])
def test_versions(low: str, high: str) -> None:
    assert version_key(low) < version_key(high)
    assert version_key(low) == version_key(f"{low}.0" if low.count(".") < 3 else low)


@pytest.mark.parametrize("version", ["", "1.", "v1", "1.2.3.4.5", "1.4\n", "١"])
def test_no_versions(version: str) -> None:
    with pytest.raises(ValueError, match="is not one to four numbers"):
        version_key(version)


def test_a_key_for_models_signs_no_packs(tmp_path: Path) -> None:
    public = tmp_path / "k.pub"
    public.write_text(PACK_SIGNER.model_copy(update={"signs": "models"}).to_text(), encoding="utf-8")
    assert pack_trust([public]).signers == ()
    with pytest.raises(PackError, match="trusted: nobody"):
        check_archive(written(tmp_path, GOOD), pack_trust([public]))
