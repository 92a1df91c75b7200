"""A disk that fills up in mid-upload: the offset stays true, nothing is acknowledged, and the upload goes on later."""

from __future__ import annotations

import errno
import hashlib
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.storage import EvidenceStore
from tests.server.harness import TUS, Running, begin, item, picture, problem, put, sealed, send

DATA = picture(2, width_px=2200, height_px=1600)
MIB = 1024 * 1024


@contextmanager
def no_file_larger_than(size_bytes: int) -> Iterator[None]:
    """The kernel refuses to let any file of this process grow further, as a full disk or quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_upload_outlives_a_full_disk(running: Running) -> None:
    assert len(DATA) > 3 * MIB
    key, device = running.device()
    report = sealed(key, evidence=(item(DATA, width_px=2200, height_px=1600),))
    put(device, report)
    location = begin(device, DATA).headers["Location"]
    with no_file_larger_than(2 * MIB + MIB // 2):
        refused = send(device, location, 0, DATA)
        assert problem(refused) == (507, "no-space")
        assert int(refused.headers["Retry-After"]) > 0
        offset = int(device.head(location, headers=TUS).headers["Upload-Offset"])
        assert MIB <= offset <= 2 * MIB + MIB // 2
        part = running.services.settings.data / "uploads" / f"{location.rpartition('/')[2]}.part"
        assert part.read_bytes()[:offset] == DATA[:offset]
        assert not device.get(f"/api/v1/reports/{report.body.report_id}").json()["complete"]
    assert send(device, location, offset, DATA[offset:]).status_code == 204
    assert device.get(f"/api/v1/reports/{report.body.report_id}").json()["complete"]


def test_the_store_says_that_the_disk_is_full(tmp_path: Path) -> None:
    file, digest = tmp_path / "file", hashlib.sha256(DATA).hexdigest()
    file.write_bytes(DATA)
    store = EvidenceStore(tmp_path / "evidence")
    with no_file_larger_than(MIB), pytest.raises(OSError, match="File too large") as refused:
        store.put(digest, file)
    assert refused.value.errno == errno.EFBIG
    assert not store.has(digest)
    store.put(digest, file)
    assert store.sha256_of(digest) == digest
