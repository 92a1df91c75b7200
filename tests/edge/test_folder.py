"""`--out`: after any kill and a second run, the folder shows exactly what the outbox holds."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from detector.errors import InputError, TransientError
from detector.evidence.seal import DeviceKey
from detector.evidence.verify import verify_folder
from edge.coverage.publish import COVERAGE_FILE, publish
from edge.folder import ReportFolder
from tests.edge.reports import builder, key_of, picture

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = DeviceKey.generate()


def fill(folder: ReportFolder, count: int) -> None:
    for ordinal in range(count):
        pictures = [picture(ordinal), picture(500 + ordinal // 2)]
        folder.outbox.put(key_of(ordinal), builder(ordinal, KEY.device_id, pictures))


def content(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for part in ("reports", "evidence")
        for path in (out / part).iterdir()
    }


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    with ReportFolder.open(tmp_path, KEY) as folder:
        fill(folder, 4)
        assert folder.publish() == 4
    first = content(tmp_path)
    assert verify_folder(tmp_path).ok
    with ReportFolder.open(tmp_path, KEY) as folder:
        fill(folder, 4)
        assert folder.publish() == 4
    assert content(tmp_path) == first


def test_no_secret_lies_in_the_folder(tmp_path: Path) -> None:
    with ReportFolder.open(tmp_path, KEY) as folder:
        fill(folder, 1)
        folder.publish()
    assert not list(tmp_path.rglob("device.key"))


def test_what_was_taken_out_is_put_back(tmp_path: Path) -> None:
    with ReportFolder.open(tmp_path, KEY) as folder:
        fill(folder, 4)
        folder.publish()
        first = content(tmp_path)
        for name in list(first)[::2]:
            (tmp_path / name).unlink()
        (tmp_path / "reports" / ".tmp-1").write_bytes(b"half")
    with ReportFolder.open(tmp_path, KEY) as folder:
        folder.publish()
    assert content(tmp_path) == first


def test_evidence_lost_from_the_outbox_is_named(tmp_path: Path) -> None:
    with ReportFolder.open(tmp_path, KEY) as folder:
        fill(folder, 1)
        next(folder.outbox.reports()).files[0].unlink()
        with pytest.raises(InputError, match="was removed by hand: put it back"):
            folder.publish()
        assert list((tmp_path / "reports").iterdir()) == []


def test_file_systems_without_links_get_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    with ReportFolder.open(tmp_path, KEY) as folder:
        fill(folder, 2)
        monkeypatch.setattr("os.link", no_links)
        folder.publish()
    assert verify_folder(tmp_path).ok


def test_a_folder_with_its_coverage_verifies(tmp_path: Path) -> None:
    with ReportFolder.open(tmp_path, KEY) as folder:
        folder.outbox.put(key_of(1), builder(1, KEY.device_id, [picture(1)]))
        publish(folder.outbox.folder, folder.outbox.folder / COVERAGE_FILE)
        folder.publish()
    assert (tmp_path / COVERAGE_FILE).is_file()
    assert verify_folder(tmp_path).ok


def test_two_patrols_on_one_folder(tmp_path: Path) -> None:
    with ReportFolder.open(tmp_path, KEY), pytest.raises(TransientError, match="in use by another patrol"):
        ReportFolder.open(tmp_path, KEY)


_PATROL = """
import sys
from pathlib import Path
from edge.device import open_key
from edge.folder import ReportFolder
from tests.edge.reports import builder, key_of, picture

key = open_key(Path(sys.argv[2]))
with ReportFolder.open(Path(sys.argv[1]), key) as folder:
    print("open", flush=True)
    for ordinal in range(12):
        folder.outbox.put(key_of(ordinal), builder(ordinal, key.device_id, [picture(ordinal), picture(500)]))
        folder.publish()
"""


def test_killed_at_any_moment_and_run_again(tmp_path: Path) -> None:
    chance = random.Random(3)
    command = [sys.executable, "-c", _PATROL, str(tmp_path / "out"), str(tmp_path / "state")]
    for _ in range(5):
        patrol = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert patrol.stdout is not None
        patrol.stdout.readline()
        time.sleep(chance.uniform(0, 0.15))
        patrol.send_signal(signal.SIGKILL)
        patrol.wait()
        patrol.stdout.close()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    result = verify_folder(tmp_path / "out")
    assert result.ok, [str(one) for one in result.breaks]
    assert (result.reports, result.files) == (12, 13)
    assert not list((tmp_path / "out").rglob(".tmp-*"))
