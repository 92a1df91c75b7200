"""An original leaves only when a person asked for it, the policy allows it, and the access log has said so first."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from detector.errors import KerbwatchError
from detector.heartbeat import Orders, WantedOriginal
from edge.vault.release import VaultReleases
from edge.vault.vault import Vault
from tests.edge.vault.kept import SEEN_AT, SetClock, keep, original, sealed_files


def orders(*wanted: tuple[uuid.UUID, str]) -> Orders:
    items = tuple(
        WantedOriginal(report_id=report_id, sha256=sha, asked_by="Li", reason="court 7", asked_at=SEEN_AT)
        for report_id, sha in wanted
    )
    return Orders(received_at=SEEN_AT, wanted=items)


def test_never_refuses_and_gives_nothing(tmp_path: Path) -> None:
    with Vault.open(tmp_path) as vault:
        report_id, releases = keep(vault), VaultReleases(vault, "never", SetClock())
        releases.ordered(orders((report_id, original().sha256)))
        assert releases.next_release() is None
        assert [(a.report_id, a.answer) for a in releases.answers()] == [(report_id, "refused")]
        with pytest.raises(KerbwatchError, match="nobody asks for original"):
            releases.read_release(original().sha256)
        assert vault.accesses() == []


def test_only_what_was_asked_for_leaves_and_it_is_logged_once(tmp_path: Path) -> None:
    with Vault.open(tmp_path) as vault:
        report_id, releases = keep(vault, original(0), original(1)), VaultReleases(vault, "on_request", SetClock())
        assert releases.next_release() is None
        releases.ordered(orders((report_id, original(0).sha256)))
        job = releases.next_release()
        assert job is not None
        assert (job.report_id, job.sha256, job.size_bytes) == (report_id, original(0).sha256, 1000)
        assert releases.read_release(job.sha256) == releases.read_release(job.sha256) == original(0).data
        with pytest.raises(KerbwatchError, match="nobody asks for original"):
            releases.read_release(original(1).sha256)
        assert [(line.who, line.did, line.why) for line, _ in vault.accesses()] == [
            ("Li (server)", "release", "court 7")
        ]
        releases.release_sent(job.sha256)
        assert releases.next_release() is None
        sent = vault.find(report_id, job.sha256)
        assert sent is not None
        assert sent.released_at == SEEN_AT.timestamp()


def test_what_is_no_longer_there_is_told(tmp_path: Path) -> None:
    with Vault.open(tmp_path) as vault:
        deleted, damaged, whole = keep(vault, original(0)), keep(vault, original(1)), keep(vault, original(2))
        vault.delete(deleted, original(0).sha256, because="a test")
        releases = VaultReleases(vault, "on_request", SetClock())
        asked = orders((deleted, original(0).sha256), (damaged, original(1).sha256), (whole, original(2).sha256))
        releases.ordered(asked)
        for path in sealed_files(tmp_path):
            if str(damaged) in path.name:
                path.write_bytes(path.read_bytes()[:-1] + b"\0")
        with pytest.raises(KerbwatchError, match="was changed after sealing"):
            releases.read_release(original(1).sha256)
        for _ in range(2):
            assert {a.report_id for a in releases.answers()} == {deleted, damaged}
            assert {a.answer for a in releases.answers()} == {"gone"}
            job = releases.next_release()
            assert job is not None
            assert job.report_id == whole
            releases.ordered(asked)


def test_deleted_while_it_waited(tmp_path: Path) -> None:
    with Vault.open(tmp_path) as vault:
        report_id, releases = keep(vault), VaultReleases(vault, "on_request", SetClock())
        releases.ordered(orders((report_id, original().sha256)))
        vault.delete(report_id, original().sha256, because="a test")
        assert releases.next_release() is None
        assert [a.answer for a in releases.answers()] == ["gone"]


def test_what_the_server_would_not_take_is_tried_again_when_it_is_still_asked_for(tmp_path: Path) -> None:
    with Vault.open(tmp_path) as vault:
        report_id, releases = keep(vault), VaultReleases(vault, "on_request", SetClock())
        releases.ordered(orders((report_id, original().sha256)))
        releases.release_failed(original().sha256, "not asked for")
        assert releases.next_release() is None
        assert releases.answers() == ()
        releases.ordered(orders((report_id, original().sha256)))
        assert releases.next_release() is not None
        releases.ordered(orders())
        assert releases.next_release() is None
