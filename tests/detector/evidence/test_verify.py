"""`kerbwatch verify` finds every change, and reads hostile archives without harm."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from detector.errors import InputError, SealError
from detector.evidence.manifest import MANIFEST_FILE, sealed_manifest
from detector.evidence.seal import DeviceKey, parse_sealed, seal, sealed_bytes
from detector.evidence.verify import COVERAGE_FILE, Limits, verify_folder, verify_tree
from detector.report import Original
from edge.folder import ReportFolder
from edge.outbox import Outbox
from edge.outbox_tree import OutboxTree, is_outbox
from edge.parcels import EvidenceFile
from edge.verify import verify
from tests.edge.reports import SEEN_AT, body, builder, key_of, picture

KEY = DeviceKey.generate()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three reports as a patrol's `--out` writes them; two share a picture."""
    out = tmp_path_factory.mktemp("made") / "out"
    with ReportFolder.open(out, KEY) as folder:
        for ordinal in range(3):
            pictures = [picture(ordinal), picture(50 + ordinal // 2)]
            folder.outbox.put(key_of(ordinal), builder(ordinal, KEY.device_id, pictures))
        (out / ".kerbwatch" / COVERAGE_FILE).write_text("{}")
        assert folder.publish() == 3
    return out


@pytest.fixture
def case(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "case"))


def reports(case: Path) -> list[Path]:
    return sorted((case / "reports").iterdir())


def evidence(case: Path) -> list[Path]:
    return sorted((case / "evidence").iterdir())


def packed(case: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(case.rglob("*")):
            if path.is_file() and ".kerbwatch" not in path.parts:
                archive.write(path, path.relative_to(case).as_posix())
    return target


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_what_was_not_touched_holds(case: Path, tmp_path: Path, form: str) -> None:
    result = verify_folder(case if form == "folder" else packed(case, tmp_path / "case.zip"))
    assert result.ok
    assert (result.reports, result.files) == (3, 5)
    assert result.device_ids == (KEY.device_id,)


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_the_coverage_layer_of_a_patrol_belongs_there(case: Path, tmp_path: Path, form: str) -> None:
    (case / MANIFEST_FILE).unlink()
    (case / COVERAGE_FILE).write_text("{}")
    assert verify_folder(case if form == "folder" else packed(case, tmp_path / "case.zip")).ok
    (case / "evidence" / COVERAGE_FILE).write_text("{}")
    assert str(verify_folder(case).breaks[0]) == f"evidence/{COVERAGE_FILE}: no report names this file"


def _change_byte(case: Path) -> str:
    path = evidence(case)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return f"evidence/{path.name}: was changed: its bytes hash to"


def _cut(case: Path) -> str:
    path = evidence(case)[1]
    path.write_bytes(path.read_bytes()[:-1])
    return f"evidence/{path.name}: was changed"


def _drop_evidence(case: Path) -> str:
    path = evidence(case)[2]
    path.unlink()
    return f"evidence/{path.name}: is missing, a report names it"


def _drop_report(case: Path) -> str:
    path = reports(case)[0]
    path.unlink()
    return f"reports/{path.name}: is missing, the manifest names it"


def _drop_report_and_its_evidence(case: Path) -> str:
    path = next(path for path in reports(case) if key_of(0).encode() in path.read_bytes())
    path.unlink()
    (case / "evidence" / EvidenceFile.of(picture(0), ".jpg").name).unlink()
    return f"reports/{path.name}: is missing, the manifest names it"


def _drop_manifest(case: Path) -> str:
    (case / MANIFEST_FILE).unlink()
    return f"{MANIFEST_FILE}: is missing: a report that was taken away whole would not show"


def _drop_report_from_manifest(case: Path) -> str:
    path = reports(case)[0]
    path.unlink()
    manifest = case / MANIFEST_FILE
    manifest.write_bytes(
        manifest.read_bytes().replace(f'"{path.stem}"'.encode(), b'"00000000-0000-4000-8000-000000000000"')
    )
    return f"{MANIFEST_FILE}: was changed after sealing"


def _manifest_by_a_thief(case: Path) -> str:
    thief = DeviceKey.generate()
    kept = {uuid.UUID(path.stem): parse_sealed(path.read_bytes()).seal.body_sha256 for path in reports(case)[1:]}
    (case / MANIFEST_FILE).write_bytes(sealed_manifest(kept, {}, thief))
    return f"{MANIFEST_FILE}: sealed by device {thief.device_id}, whose key is not among the trusted ones"


def _manifest_with_another_signature(case: Path) -> str:
    manifest = case / MANIFEST_FILE
    data = manifest.read_bytes()
    at = data.index(b'"signature":"') + 13
    manifest.write_bytes(data[:at] + (b"0" if data[at : at + 1] != b"0" else b"1") + data[at + 1 :])
    return f"{MANIFEST_FILE}: the signature is not by the device's key"


def _no_manifest(case: Path) -> str:
    (case / MANIFEST_FILE).write_bytes(b"{}")
    return f"{MANIFEST_FILE}: not a manifest: manifest: Field required"


def _add_report(case: Path) -> str:
    files = [EvidenceFile.of(picture(50), ".jpg")]
    added = uuid.UUID(int=2**128 - 1)
    sealed = seal(body(77, added, KEY.device_id, files), KEY)
    (case / "reports" / f"{added}.json").write_bytes(sealed_bytes(sealed))
    return f"reports/{added}.json: is not in the manifest: it was added, or the patrol has not ended"


def _another_version_of_a_report(case: Path) -> str:
    path = reports(case)[0]
    old = parse_sealed(path.read_bytes()).body
    path.write_bytes(sealed_bytes(seal(old.model_copy(update={"probability": 0.5}), KEY)))
    return f"reports/{path.name}: is another report than the manifest names"


def _change_coverage(case: Path) -> str:
    (case / COVERAGE_FILE).write_text('{"type": "other"}')
    return f"{COVERAGE_FILE}: was changed after the manifest was sealed"


def _drop_coverage(case: Path) -> str:
    (case / COVERAGE_FILE).unlink()
    return f"{COVERAGE_FILE}: is missing, the manifest names it"


def _swap_reports(case: Path) -> str:
    first, second = reports(case)[:2]
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)
    return f"reports/{first.name}: holds report {second.stem}: it was renamed or put in another one's place"


def _swap_evidence(case: Path) -> str:
    first, second = evidence(case)[:2]
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)
    return f"evidence/{first.name}: was changed: its bytes hash to {second.stem}"


def _add_evidence(case: Path) -> str:
    (case / "evidence" / f"{'0' * 64}.jpg").write_bytes(b"x")
    return "no report names this file"


def _add_elsewhere(case: Path) -> str:
    (case / "readme.txt").write_bytes(b"x")
    return "readme.txt: does not belong here"


def _link(case: Path) -> str:
    path = evidence(case)[0]
    path.rename(case.parent / "elsewhere.jpg")
    path.symlink_to(case.parent / "elsewhere.jpg")
    return f"evidence/{path.name}: is no plain file"


def _edit_report(case: Path) -> str:
    path = reports(case)[1]
    path.write_bytes(path.read_bytes().replace(b'"probability":0.93', b'"probability":0.13'))
    return f"reports/{path.name}: report {path.stem}: the body was changed after sealing"


def _empty_report(case: Path) -> str:
    reports(case)[0].write_bytes(b"")
    return "not a sealed report"


def _huge_report(case: Path) -> str:
    with reports(case)[0].open("ab") as file:
        file.truncate(9 * 1024**2)
    return "is longer than 8388608 bytes"


def _same_hit_twice(case: Path) -> str:
    files = [EvidenceFile.of(picture(0), ".jpg"), EvidenceFile.of(picture(50), ".jpg")]
    twin = uuid.UUID(int=2**128 - 1)  # sorts last
    sealed = seal(body(0, twin, KEY.device_id, files), KEY)
    (case / "reports" / f"{twin}.json").write_bytes(sealed_bytes(sealed))
    return f"reports/{twin}.json: reports the same hit as reports/"


def _nothing_left(case: Path) -> str:
    shutil.rmtree(case / "reports")
    shutil.rmtree(case / "evidence")
    return "is missing, the manifest names it"


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize(
    "tamper",
    [
        _change_byte,
        _cut,
        _drop_evidence,
        _drop_report,
        _drop_report_and_its_evidence,
        _drop_manifest,
        _drop_report_from_manifest,
        _manifest_by_a_thief,
        _manifest_with_another_signature,
        _no_manifest,
        _add_report,
        _another_version_of_a_report,
        _change_coverage,
        _drop_coverage,
        _swap_reports,
        _swap_evidence,
        _add_evidence,
        _add_elsewhere,
        _link,
        _edit_report,
        _empty_report,
        _huge_report,
        _same_hit_twice,
        _nothing_left,
    ],
)
def test_every_change_is_named(case: Path, tmp_path: Path, tamper: Callable[[Path], str], form: str) -> None:
    expected = tamper(case)
    if form == "zip" and tamper is _link:
        pytest.skip("a link has its own test for archives")
    result = verify_folder(
        case if form == "folder" else packed(case, tmp_path / "case.zip"), trusted_keys=[KEY.public_key], whole=True
    )
    assert not result.ok
    assert expected in str(result.breaks[0])


def test_all_breaks_are_listed(case: Path) -> None:
    expected = [_edit_report(case), _change_byte(case), _add_elsewhere(case)]
    found = [str(one) for one in verify_folder(case).breaks]
    for message in expected:
        assert any(message in line for line in found), (message, found)


def test_another_devices_seal_is_found_when_the_trusted_keys_are_named(case: Path) -> None:
    thief = DeviceKey.generate()
    (case / MANIFEST_FILE).unlink()
    path = reports(case)[0]
    ordinal = next(n for n in range(3) if key_of(n).encode() in path.read_bytes())
    files = [EvidenceFile.of(picture(ordinal), ".jpg"), EvidenceFile.of(picture(50 + ordinal // 2), ".jpg")]
    forged = seal(body(ordinal, uuid.UUID(path.stem), thief.device_id, files), thief)
    path.write_bytes(sealed_bytes(forged))
    assert verify_folder(case).ok  # a whole report, by a device of its own
    assert set(verify_folder(case).device_ids) == {KEY.device_id, thief.device_id}
    for trusted in (KEY.public_key, KEY.device_id, KEY.device_id.upper()):
        result = verify_folder(case, trusted_keys=[trusted])
        assert f"sealed by device {thief.device_id}, whose key is not among the trusted" in str(result.breaks[0])
    assert verify_folder(case, trusted_keys=[KEY.public_key, thief.public_key]).ok
    assert not verify_folder(case, trusted_keys=[]).ok


def test_a_manifest_by_another_device_vouches_for_no_report(case: Path) -> None:
    """Who takes a report away whole could else seal a manifest of the rest with a key made for it."""
    thief = DeviceKey.generate()
    _drop_report_and_its_evidence(case)
    kept = {uuid.UUID(path.stem): parse_sealed(path.read_bytes()).seal.body_sha256 for path in reports(case)}
    (case / MANIFEST_FILE).write_bytes(sealed_manifest(kept, {}, thief))
    first = str(verify_folder(case).breaks[0])
    assert f"{MANIFEST_FILE}: sealed by device {thief.device_id}, which is not the device of every report" in first
    # Who names both has said that he knows the thief.
    assert verify_folder(case, trusted_keys=[KEY.public_key, thief.public_key]).whole


@pytest.mark.parametrize("name", ["\x1b[2J\x1b[32m.jpg", "a\n✓ 验真通过.jpg", "\u202egpj.exe"])
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_name_is_told_and_not_obeyed(case: Path, tmp_path: Path, form: str, name: str) -> None:
    (case / "evidence" / name).write_bytes(b"x")
    app = Typer()
    app.command()(verify)
    said = CliRunner().invoke(app, [str(case if form == "folder" else packed(case, tmp_path / "case.zip"))])
    assert isinstance(said.exception, SealError)
    for text in (said.output, str(said.exception)):
        assert f"evidence/{repr(name)[1:-1]}: no report names this file" in text
        assert name not in text


def test_an_outbox_put_into_a_folder_hides_nothing_of_it(case: Path) -> None:
    shutil.copy(case / ".kerbwatch" / "outbox.db", case / "outbox.db")
    assert not is_outbox(case)
    assert str(verify_folder(case).breaks[0]) == "outbox.db: does not belong here"


# -- a state folder ---------------------------------------------------------------------------------------------------


@pytest.fixture
def state(case: Path) -> Path:
    """The outbox behind the case, as a box has it."""
    return case / ".kerbwatch"


def _sql(state: Path, statement: str) -> None:
    database = sqlite3.connect(state / "outbox.db")
    database.executescript(statement)
    database.close()


def _loose(state: Path, statement: str) -> None:
    """A table that takes any type in any column, put in the strict one's place."""
    swap = "CREATE TABLE loose AS SELECT * FROM reports; DROP TABLE reports; ALTER TABLE loose RENAME TO reports;"
    _sql(state, swap + statement)


def test_an_outbox_is_read_as_it_is_also_while_it_is_in_use(state: Path) -> None:
    with Outbox.open(state, key=KEY):
        result = verify_tree(OutboxTree(state))
    assert (result.ok, result.reports, result.files, result.dropped) == (True, 3, 5, 0)


def test_evidence_dropped_to_make_room_is_no_fault(state: Path) -> None:
    _sql(state, "UPDATE files SET dropped = 1 WHERE rowid = 1")
    database = sqlite3.connect(state / "outbox.db")
    ((name,),) = database.execute("SELECT sha256 FROM files WHERE dropped")
    database.close()
    (state / "evidence" / f"{name}.jpg").unlink()
    result = verify_tree(OutboxTree(state))
    assert (result.ok, result.files, result.dropped) == (True, 4, 1)


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (lambda state: _change_byte(state), "was changed: its bytes hash to"),
        (lambda state: _drop_evidence(state), "is missing, a report names it"),
        (lambda state: _swap_evidence(state), "was changed: its bytes hash to"),
        (lambda state: _add_evidence(state), "no report names this file"),
        (lambda state: _link(state), "is no plain file"),
        (lambda state: _sql(state, "DELETE FROM reports WHERE rowid = 2"), "was taken out of the outbox"),
        (
            lambda state: _sql(state, "DELETE FROM reports WHERE rowid = 2; DELETE FROM hits WHERE rowid = 2"),
            "outbox.db: 1 reports were taken out of the outbox",
        ),
        (
            lambda state: _sql(state, "UPDATE reports SET sealed = (SELECT sealed FROM reports LIMIT 1)"),
            "it was renamed or put in another one's place",
        ),
        (
            lambda state: _sql(state, "UPDATE reports SET sealed = CAST(replace(sealed, '0.93', '0.13') AS BLOB)"),
            "the body was changed after sealing",
        ),
        (lambda state: _loose(state, "UPDATE reports SET sealed = 'text'"), "not a sealed report"),
        (lambda state: _loose(state, "UPDATE reports SET sealed = 99999999999999"), "not a sealed report"),
    ],
)
def test_every_change_to_an_outbox_is_named(state: Path, tamper: Callable[[Path], object], says: str) -> None:
    tamper(state)
    assert says in " | ".join(map(str, verify_tree(OutboxTree(state)).breaks))


def test_the_command_knows_a_state_folder(state: Path) -> None:
    assert is_outbox(state)
    app = Typer()
    app.command()(verify)
    _sql(state, "UPDATE files SET dropped = 1 WHERE rowid = 1")
    for path in evidence(state):
        path.unlink()
    bad = CliRunner().invoke(app, [str(state)])
    assert isinstance(bad.exception, SealError)
    assert "(and 3 more)" in str(bad.exception)
    _sql(state, "UPDATE files SET dropped = 1")
    good = CliRunner().invoke(app, [str(state)])
    assert good.exit_code == 0
    assert "5 个证据文件已为腾出空间删除 · evidence files dropped to make room" in good.output


def test_a_damaged_outbox_is_named(state: Path) -> None:
    (state / "outbox.db").write_bytes(b"no database" * 1000)
    with pytest.raises(InputError, match=r"outbox\.db cannot be read \(file is not a database\)"):
        verify_tree(OutboxTree(state))


# -- originals --------------------------------------------------------------------------------------------------------


ORIGINAL = picture(90)


def _with_original(case: Path, *, here: bytes | None) -> Path:
    """The case with one report that names an original, and the file that lies in its place."""
    (case / MANIFEST_FILE).unlink()
    path = reports(case)[0]
    named = Original(
        role="frame",
        media_type="image/jpeg",
        sha256=EvidenceFile.of(ORIGINAL, ".jpg").sha256,
        size_bytes=len(ORIGINAL),
        frame_id="clip:1",
        begins_at=SEEN_AT,
        ends_at=SEEN_AT,
        width_px=64,
        height_px=48,
    )
    old = parse_sealed(path.read_bytes()).body
    path.write_bytes(sealed_bytes(seal(old.model_copy(update={"originals": (named,)}), KEY)))
    target = case / "originals" / f"{named.sha256}.jpg"
    if here is not None:
        target.parent.mkdir()
        target.write_bytes(here)
    return target


def test_an_original_that_is_not_here_is_no_fault_and_is_told(case: Path) -> None:
    _with_original(case, here=None)
    result = verify_folder(case)
    assert (result.ok, result.originals, result.originals_elsewhere) == (True, 0, 1)


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_an_original_that_is_here_is_held_to_the_report(case: Path, tmp_path: Path, form: str) -> None:
    _with_original(case, here=ORIGINAL)
    result = verify_folder(case if form == "folder" else packed(case, tmp_path / "case.zip"))
    assert (result.ok, result.originals, result.originals_elsewhere) == (True, 1, 0)


def test_another_original_in_its_place_is_found(case: Path) -> None:
    target = _with_original(case, here=picture(91))
    assert f"originals/{target.name}: was changed: its bytes hash to" in str(verify_folder(case).breaks[0])


def test_an_original_that_nobody_names_is_found(case: Path) -> None:
    target = _with_original(case, here=ORIGINAL)
    target.rename(target.with_name(f"{'0' * 64}.jpg"))
    assert str(verify_folder(case).breaks[0]) == f"originals/{'0' * 64}.jpg: no report names this file"


# -- hostile archives --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../evil.json", "/etc/evil", "reports/../../evil.json", "reports\\evil.json", "a//b"])
def test_names_that_lead_out_are_not_read(case: Path, tmp_path: Path, name: str) -> None:
    path = packed(case, tmp_path / "case.zip")
    with zipfile.ZipFile(path, "a") as archive:
        entry = zipfile.ZipInfo("x")
        entry.filename = name
        archive.writestr(entry, b"evil")
    result = verify_folder(path)
    assert [(one.path, one.what) for one in result.breaks] == [(name, "its name leads out of the archive")]
    assert not (tmp_path / "evil.json").exists()


def test_a_link_inside_an_archive_is_not_followed(case: Path, tmp_path: Path) -> None:
    path = packed(case, tmp_path / "case.zip")
    with zipfile.ZipFile(path, "a") as archive:
        entry = zipfile.ZipInfo("evidence/link.jpg")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    assert str(verify_folder(path).breaks[0]) == "evidence/link.jpg: is no plain file"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_twice_is_named(case: Path, tmp_path: Path) -> None:
    path = packed(case, tmp_path / "case.zip")
    name = f"reports/{reports(case)[0].name}"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, reports(case)[0].read_bytes())
    assert str(verify_folder(path).breaks[0]) == f"{name}: is there twice"


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("reports/a.json", bytes(50 * 1024**2))
    result = verify_folder(path)
    assert "is longer than" in str(result.breaks[0])
    with pytest.raises(InputError, match="unpacks to more than 1000000 bytes"):
        verify_folder(path, limits=Limits(total_bytes_max=1_000_000))


def test_too_many_files(case: Path) -> None:
    with pytest.raises(InputError, match="there are 10 files; at most 9 are checked"):
        verify_folder(case, limits=Limits(files_max=9))


def test_damage_inside_an_archive_is_named(case: Path, tmp_path: Path) -> None:
    path = packed(case, tmp_path / "case.zip")
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(f"evidence/{evidence(case)[0].name}")
    data = bytearray(path.read_bytes())
    data[entry.header_offset + 30 + len(entry.filename) + 200] ^= 0xFF
    path.write_bytes(data)
    (found,) = verify_folder(path).breaks
    assert found.path == entry.filename
    assert "the archive is damaged here" in found.what


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"hello" * 100])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "case.zip"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"case\.zip is no folder and no readable \.zip"):
        verify_folder(path)


@pytest.mark.parametrize(
    "changes",
    [{6: b"\xff\x00"}, {8: b"\x00\x08", 46: b"\xff"}],
    ids=["needs a version of the far future", "says UTF-8 and is not"],
)
def test_archive_whose_directory_cannot_be_read(case: Path, tmp_path: Path, changes: dict[int, bytes]) -> None:
    path = packed(case, tmp_path / "case.zip")
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    for at, value in changes.items():
        content[entry + at : entry + at + len(value)] = value
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"case\.zip is no folder and no readable \.zip"):
        verify_folder(path)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"there is no folder or .zip {re.escape(str(tmp_path))}/nothing"):
        verify_folder(tmp_path / "nothing")


@pytest.mark.parametrize("values", [(0, 1, 1), (1, 0, 1), (1, 1, -1)])
def test_limits_must_make_sense(values: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="limits must be above 0"):
        Limits(*values)


def test_an_unreadable_file_is_named(case: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    evidence(case)[0].chmod(0)
    assert "cannot be read" in str(verify_folder(case).breaks[0])


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command(case: Path) -> None:
    app = Typer()
    app.command()(verify)
    good = CliRunner().invoke(app, [str(case)])
    assert good.exit_code == 0
    assert "3 份报告 · reports, 5 个证据文件 · files" in good.output
    assert KEY.device_id in good.output
    assert "no manifest" not in good.output
    first, second = _change_byte(case), _add_elsewhere(case)
    bad = CliRunner().invoke(app, [str(case)])
    assert isinstance(bad.exception, SealError)
    assert bad.exception.exit_code == 2
    assert f"not as sealed: {first}" in str(bad.exception)
    assert "(and 1 more)" in str(bad.exception)
    assert second in bad.output


def test_another_folder_is_not_called_tampered(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("schema: kerbwatch-site/1")
    with pytest.raises(InputError, match="holds no reports/: give a patrol's --out folder"):
        verify_folder(tmp_path)


def test_the_command_tells_what_it_cannot_know(case: Path) -> None:
    app = Typer()
    app.command()(verify)
    _with_original(case, here=None)
    good = CliRunner().invoke(app, [str(case)])
    assert good.exit_code == 0
    assert "没有清单" in good.output
    assert "1 not here: on the box, or deleted when their time was over" in good.output
    bad = CliRunner().invoke(app, [str(case), "--whole"])
    assert isinstance(bad.exception, SealError)
    assert "manifest.json: is missing" in str(bad.exception)
