"""The outbox keeps what it was given, once, through kills and full disks."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from detector.errors import InputError, SealError, TransientError
from detector.evidence.seal import DeviceKey, read_sealed
from detector.report import ReportBody
from edge.database import UnsureWrite
from edge.outbox import Outbox
from edge.parcels import BodyBuilder, EvidenceFile, Quota, ReportState
from tests.edge.reports import body, builder, key_of, picture

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "state") as box:
        yield box


def put(box: Outbox, ordinal: int, *pictures: bytes) -> uuid.UUID:
    return box.put(key_of(ordinal), builder(ordinal, box.device_id, pictures or [picture(ordinal)]))


def names(box_dir: Path) -> set[str]:
    return {path.name for path in (box_dir / "evidence").iterdir()}


def test_a_hit_gets_one_report_id_for_ever(outbox: Outbox, tmp_path: Path) -> None:
    first = put(outbox, 0)

    def never(_: uuid.UUID) -> tuple:
        raise AssertionError("built again")

    assert outbox.known(key_of(0)) == first
    assert outbox.put(key_of(0), never) == first
    assert outbox.known(key_of(1)) is None
    outbox.close()
    with Outbox.open(tmp_path / "state") as again:
        assert again.put(key_of(0), never) == first
        assert [report.report_id for report in again.reports()] == [first]


def test_what_is_kept_is_sealed_by_this_device(outbox: Outbox) -> None:
    put(outbox, 0)
    (report,) = outbox.reports()
    sealed = read_sealed(report.sealed)
    assert sealed.body.device_id == outbox.device_id
    assert report.state is ReportState.QUEUED
    assert [path.stem for path in report.files] == [sealed.body.evidence[0].sha256]


def test_two_reports_share_one_picture(outbox: Outbox, tmp_path: Path) -> None:
    shared = picture(99)
    put(outbox, 0, shared, picture(0))
    put(outbox, 1, shared, picture(1))
    assert len(names(tmp_path / "state")) == 3
    assert outbox.counts().files_waiting == 3


def test_a_second_patrol_is_refused(outbox: Outbox, tmp_path: Path) -> None:
    with pytest.raises(TransientError, match=rf"in use by another patrol \(process {os.getpid()}\)"):
        Outbox.open(tmp_path / "state")


def test_orphans_of_a_kill_are_cleared_away(outbox: Outbox, tmp_path: Path) -> None:
    put(outbox, 0)
    kept = names(tmp_path / "state")
    outbox.close()
    evidence = tmp_path / "state" / "evidence"
    (evidence / ".tmp-0011").write_bytes(b"half")
    (evidence / f"{'0' * 64}.jpg").write_bytes(b"written, but its row never committed")
    (tmp_path / "state" / ".tmp-22").write_bytes(b"half a key")
    with Outbox.open(tmp_path / "state"):
        assert names(tmp_path / "state") == kept
        assert not (tmp_path / "state" / ".tmp-22").exists()


def test_a_file_removed_by_hand_is_named(outbox: Outbox, tmp_path: Path) -> None:
    put(outbox, 0)
    outbox.close()
    (path,) = (tmp_path / "state" / "evidence").iterdir()
    path.unlink()
    with Outbox.open(tmp_path / "state") as again:
        assert again.counts().files_held == 1
        (trouble,) = again.troubles()
        assert str(path) in trouble
        assert "put it back" in trouble


def _other_hit(box: Outbox, report_id: uuid.UUID) -> tuple:
    files = [EvidenceFile.of(picture(0), ".jpg")]
    return body(1, report_id, box.device_id, files), files


def _other_id(box: Outbox, _: uuid.UUID) -> tuple:
    files = [EvidenceFile.of(picture(0), ".jpg")]
    return body(0, uuid.uuid4(), box.device_id, files), files


def _other_files(box: Outbox, report_id: uuid.UUID) -> tuple:
    named, given = EvidenceFile.of(picture(0), ".jpg"), EvidenceFile.of(picture(1), ".jpg")
    return body(0, report_id, box.device_id, [named]), [given]


def _other_device(_: Outbox, report_id: uuid.UUID) -> tuple:
    files = [EvidenceFile.of(picture(0), ".jpg")]
    return body(0, report_id, DeviceKey.generate().device_id, files), files


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (_other_hit, InputError, "the body is of hit"),
        (_other_id, InputError, "the body is of hit"),
        (_other_files, InputError, "evidence named and evidence given differ"),
        (_other_device, SealError, "names device"),
    ],
)
def test_what_does_not_belong_together_is_not_kept(outbox: Outbox, tmp_path: Path, build, error, message) -> None:
    with pytest.raises(error, match=message):
        outbox.put(key_of(0), lambda report_id: build(outbox, report_id))
    assert outbox.known(key_of(0)) is None
    assert names(tmp_path / "state") == set()


def test_evidence_under_a_wrong_name_is_refused() -> None:
    with pytest.raises(InputError, match="has other bytes"):
        EvidenceFile(b"abc", "0" * 64, ".jpg")
    with pytest.raises(InputError, match=r"suffix '\.exe'"):
        EvidenceFile.of(b"abc", ".exe")


@pytest.mark.parametrize(("bytes_max", "reserve_bytes"), [(0, 0), (-1, 0), (1, -1)])
def test_a_quota_must_make_sense(bytes_max: int, reserve_bytes: int) -> None:
    with pytest.raises(InputError, match="bytes_max must be above 0"):
        Quota(bytes_max, reserve_bytes)


def test_quota_drops_what_the_server_has_and_never_the_unsent(tmp_path: Path) -> None:
    size = len(picture(0))
    with Outbox.open(tmp_path / "state", quota=Quota(bytes_max=2 * size + 900, reserve_bytes=0)) as box:
        first, second = put(box, 0), put(box, 1)
        with pytest.raises(TransientError, match=r"full pictures are never dropped \(\d+ bytes needed, \d+ free\)"):
            put(box, 2)
        assert len(names(tmp_path / "state")) == 2
        box.mark_sent(first)
        job = box.next_file()
        assert job is not None
        box.mark_file_sent(job.sha256)
        with pytest.raises(TransientError):
            put(box, 2)  # sent, but the server has not said that it is stored
        box.mark_stored(first, None)
        put(box, 2)
        assert not job.path.exists()
        assert box.known(key_of(0)) == first
        assert box.known(key_of(1)) == second
        put(box, 2)
    with Outbox.open(tmp_path / "state") as again:
        assert again.troubles() == []


def test_reserve_is_kept_free(tmp_path: Path) -> None:
    with (
        Outbox.open(tmp_path / "state", quota=Quota(reserve_bytes=2**60)) as box,
        pytest.raises(TransientError, match="must stay free"),
    ):
        put(box, 0)


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").write_bytes(b"this is no database, but long enough to have a header" * 100)
    with pytest.raises(InputError, match=r"outbox\.db is damaged"):
        Outbox.open(tmp_path)
    (tmp_path / "outbox.db").unlink()
    Outbox.open(tmp_path).close()  # and the lock was released


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    Outbox.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "outbox.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(InputError, match=r"newer Kerbwatch \(format 99\)"):
        Outbox.open(tmp_path)


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
def test_no_clock_starts_or_holds_up_an_upload(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, jump_s: float
) -> None:
    report_id = put(outbox, 0)
    outbox.defer_report(report_id, "busy", 60)
    then = time.time()
    monkeypatch.setattr(time, "time", lambda: then + jump_s)
    assert outbox.next_unsent() is None
    assert 0 < (outbox.next_due_in_s() or 0) <= 60
    outbox.close()
    with Outbox.open(tmp_path / "state") as again:  # a wait ends with the process
        assert again.next_unsent() is not None
        assert again.next_due_in_s() == 0


# -- a full disk, for real ---------------------------------------------------------------------------------------------


def test_a_full_disk_loses_nothing_and_leaves_nothing_half_written(tiny_disk: Path) -> None:
    kept: list[uuid.UUID] = []

    def fill(box: Outbox) -> None:
        for ordinal in range(100):
            kept.append(put(box, ordinal, picture(ordinal, 200, 200)))

    with Outbox.open(tiny_disk / "state", quota=Quota(reserve_bytes=0)) as box:
        with pytest.raises(TransientError, match=rf"cannot write {tiny_disk}.*bytes needed, \d+ free") as failure:
            fill(box)
        assert len(kept) >= 3
        assert "free some space" in str(failure.value)
        assert [report.report_id for report in box.reports()] == kept
        assert len(names(tiny_disk / "state")) == len(kept)
        assert not [name for name in names(tiny_disk / "state") if name.startswith(".tmp-")]
    with Outbox.open(tiny_disk / "state", quota=Quota(reserve_bytes=0)) as again:
        assert [report.report_id for report in again.reports()] == kept


@pytest.mark.parametrize("room_bytes", [0, 4096, 8192, 16384, 32768])
def test_a_disk_that_fills_up_behind_our_back(
    tiny_disk: Path, monkeypatch: pytest.MonkeyPatch, room_bytes: int
) -> None:
    """The check before writing sees room; then the picture's write fails, or the picture fits and the row does not."""
    with Outbox.open(tiny_disk / "state", quota=Quota(reserve_bytes=0)) as box:
        first = put(box, 0)
        monkeypatch.setattr("edge.outbox_room.free_bytes", lambda _: 2**40)
        hog_bytes = os.statvfs(tiny_disk).f_bavail * os.statvfs(tiny_disk).f_frsize - room_bytes
        (tiny_disk / "hog").write_bytes(bytes(hog_bytes))
        with pytest.raises(TransientError, match=rf"cannot write {tiny_disk}.*bytes needed"):
            put(box, 1)
        assert names(tiny_disk / "state") == {report.files[0].name for report in box.reports()}
        (tiny_disk / "hog").unlink()
        second = put(box, 1)
        assert [report.report_id for report in box.reports()] == [first, second]


# -- kill -9 -----------------------------------------------------------------------------------------------------------

_WRITER = """
import sys
from pathlib import Path
from edge.outbox import Outbox
from tests.edge.reports import builder, key_of, picture

with Outbox.open(Path(sys.argv[1])) as box:
    print("open", flush=True)
    for ordinal in range(60):
        box.put(key_of(ordinal), builder(ordinal, box.device_id, [picture(ordinal), picture(1000 + ordinal // 3)]))
        print(ordinal, flush=True)
"""


def test_a_writer_killed_again_and_again_ends_with_every_report_once(tmp_path: Path) -> None:
    promised: set[int] = set()
    for attempt in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path / "state")], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        if attempt < 5:
            time.sleep(0.013 * attempt)
            writer.send_signal(signal.SIGKILL)
        promised |= {int(line) for line in writer.stdout.read().split()}
        writer.wait()
        writer.stdout.close()
    assert promised == set(range(60))
    with Outbox.open(tmp_path / "state") as box:
        reports = list(box.reports())
        assert sorted(report.hit_key for report in reports) == sorted(key_of(ordinal) for ordinal in range(60))
        named = {path.name for report in reports for path in report.files}
        assert named == names(tmp_path / "state")
        for report in reports:
            read_sealed(report.sealed)
            for path in report.files:
                EvidenceFile(path.read_bytes(), path.stem, path.suffix)


# -- a disk that fails, and room that runs short -----------------------------------------------------------------------


def test_a_commit_the_disk_failed_in_takes_no_picture_back(outbox: Outbox, tmp_path: Path) -> None:
    """SQLite has written its log by then: the next start may find the row, and must find its picture."""
    put(outbox, 0)
    wal_bytes = (tmp_path / "state" / "outbox.db-wal").stat().st_size
    assert wal_bytes > len(picture(1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal_bytes, hard))  # the picture can be written, the row cannot
    try:
        with pytest.raises(UnsureWrite, match=r"outbox\.db: the disk fails"):
            put(outbox, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(names(tmp_path / "state")) == 2
    second = put(outbox, 1)
    assert outbox.known(key_of(1)) == second
    assert outbox.troubles() == []


def with_roles(ordinal: int, device_id: str, roles: dict[str, bytes]) -> BodyBuilder:
    """A report whose files have these roles."""

    def build(report_id: uuid.UUID) -> tuple[ReportBody, Sequence[EvidenceFile]]:
        files = {role: EvidenceFile.of(data, ".mp4" if role == "clip" else ".jpg") for role, data in roles.items()}
        made = body(ordinal, report_id, device_id, list(files.values()))
        items = tuple(
            item.model_copy(update={"role": role, "media_type": "video/mp4" if role == "clip" else "image/jpeg"})
            for role, item in zip(files, made.evidence, strict=True)
        )
        return made.model_copy(update={"evidence": items}), list(files.values())

    return build


def parts(ordinal: int) -> dict[str, bytes]:
    """A full picture, a crop and a clip, 1,000 bytes each."""
    roles = ("still_full", "still_crop", "clip")
    return {role: bytes([ordinal, number]) + bytes(998) for number, role in enumerate(roles)}


def test_short_of_room_clips_go_first_then_crops_and_the_full_picture_never(tmp_path: Path) -> None:
    with Outbox.open(tmp_path / "state", quota=Quota(bytes_max=6000, reserve_bytes=0)) as box:

        def put_parts(ordinal: int, **roles: bytes) -> uuid.UUID:
            return box.put(key_of(ordinal), with_roles(ordinal, box.device_id, roles))

        first, second = put_parts(0, **parts(0)), put_parts(1, **parts(1))

        def left(report_id: uuid.UUID) -> list[str]:
            (report,) = [report for report in box.reports() if report.report_id == report_id]
            there = {path.stem for path in report.files if path.exists()}
            return [item.role for item in read_sealed(report.sealed).body.evidence if item.sha256 in there]

        put_parts(2, still_full=bytes([2]) * 1500)
        assert (left(first), left(second)) == (["still_full", "still_crop"], ["still_full", "still_crop"])
        put_parts(3, still_full=bytes([3]) * 1400)
        assert (left(first), left(second)) == (["still_full"], ["still_full", "still_crop"])
        with pytest.raises(TransientError, match="full pictures are never dropped"):
            put_parts(4, still_full=bytes([4]) * 3000)
        assert (left(first), left(second)) == (["still_full"], ["still_full"])
        counts = box.counts()
        assert (counts.files_given_up, counts.files_waiting, counts.queued) == (4, 4, 4)
        assert len([line for line in box.troubles() if "given up: dropped before it was sent" in line]) == 4
        assert len(box.given_up(first)) == 2
    with Outbox.open(tmp_path / "state") as again:
        assert again.counts().files_held == 0  # dropped by us, not by hand


def test_what_the_server_has_goes_before_any_clip(tmp_path: Path) -> None:
    with Outbox.open(tmp_path / "state", quota=Quota(bytes_max=4000, reserve_bytes=0)) as box:
        stored = put(box, 0, bytes(1000))
        box.put(key_of(1), with_roles(1, box.device_id, parts(1)))
        box.mark_sent(stored)
        file = box.next_file()
        assert file is not None
        box.mark_file_sent(file.sha256)
        box.mark_stored(stored, None)
        put(box, 2, bytes([2]) * 900)
        assert not file.path.exists()
        assert box.counts().files_given_up == 0


def test_a_crop_whose_full_picture_is_gone_is_no_duplicate(tmp_path: Path) -> None:
    with Outbox.open(tmp_path / "state", quota=Quota(bytes_max=1500, reserve_bytes=0)) as box:
        box.put(key_of(0), with_roles(0, box.device_id, {"still_crop": bytes(1000)}))
        with pytest.raises(TransientError, match="full pictures are never dropped"):
            put(box, 1, bytes([1]) * 1000)
        assert box.counts().files_given_up == 0


def test_an_outbox_of_the_version_before_is_brought_up(tmp_path: Path) -> None:
    with Outbox.open(tmp_path / "state") as box:
        box.put(key_of(0), with_roles(0, box.device_id, parts(0)))
    with sqlite3.connect(tmp_path / "state" / "outbox.db") as database:
        database.execute("ALTER TABLE files DROP COLUMN role")
        database.execute("DROP TABLE sent_bytes")
        database.execute("PRAGMA user_version = 1")
    database.close()
    with Outbox.open(tmp_path / "state", quota=Quota(bytes_max=3000, reserve_bytes=0)) as again:
        again.add_sent_bytes("2026-05-17", 5)
        put(again, 1, bytes([1]) * 1000)
        assert again.counts().files_given_up == 1  # the clip: the roles are known
