"""`--out DIR`: reports and evidence in a folder, without a server.

The durable outbox lies in `DIR/.kerbwatch`; what it holds is published as `reports/<report_id>.json` and
`evidence/<sha256>.<ext>`, the layout `kerbwatch verify` reads, `coverage.geojson` shows the ground looked at, and
`manifest.json`, sealed by the device, says which reports there are, so that one that is taken away shows.
Publishing is idempotent: a patrol killed and run again ends with exactly the same set of files. The device key stays
in the state folder and never lies in `DIR`, which is made to be handed on.
"""

from __future__ import annotations

import os
import shutil
from hashlib import file_digest
from pathlib import Path
from typing import Final

from detector.errors import InputError
from detector.evidence.manifest import MANIFEST_FILE, sealed_manifest
from detector.evidence.seal import DeviceKey, parse_sealed
from edge.coverage.publish import COVERAGE_FILE
from edge.durable import TMP_PREFIX, explain, fsync_dir, make_dir, write_atomic
from edge.outbox import Outbox
from edge.parcels import KeptReport, Quota

HIDDEN_DIR: Final = ".kerbwatch"
REPORTS_DIR: Final = "reports"
EVIDENCE_DIR: Final = "evidence"


class ReportFolder:
    """A folder that shows what its outbox holds."""

    def __init__(self, out_dir: Path, outbox: Outbox, key: DeviceKey) -> None:
        """Use `ReportFolder.open`."""
        self.path = out_dir
        self.outbox = outbox
        self._key = key

    @staticmethod
    def open(out_dir: Path, key: DeviceKey, *, quota: Quota | None = None) -> ReportFolder:
        """Open or make the folder, and clear away what a kill left half written.

        Raises:
            TransientError: another process holds the folder; the disk is full.
            InputError: the folder cannot be written, or its outbox is damaged.
        """
        make_dir(out_dir)
        outbox = Outbox.open(out_dir / HIDDEN_DIR, key=key, quota=quota)
        try:
            for part in (REPORTS_DIR, EVIDENCE_DIR):
                make_dir(out_dir / part)
            for folder in (out_dir, out_dir / REPORTS_DIR, out_dir / EVIDENCE_DIR):
                for path in folder.glob(f"{TMP_PREFIX}*"):
                    path.unlink()
        except BaseException:
            outbox.close()
            raise
        return ReportFolder(out_dir, outbox, key)

    def publish(self) -> int:
        """Write every file that is not there yet; gives the number of reports the folder holds.

        Evidence comes before the report that names it, so whoever reads a report finds its evidence.

        Raises:
            TransientError: the disk is full; run again to go on.
            InputError: an evidence file was removed from the outbox by hand.
        """
        manifest, content = self.path / MANIFEST_FILE, self._manifest()
        if not manifest.exists() or manifest.read_bytes() != content:
            # One that no longer is true must not outlive a kill.
            manifest.unlink(missing_ok=True)
        total = 0
        for report in self.outbox.reports():
            self._publish(report)
            total += 1
        self._publish_coverage()
        if not manifest.exists():
            write_atomic(manifest, content)
        return total

    def close(self) -> None:
        """Release the folder."""
        self.outbox.close()

    def __enter__(self) -> ReportFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _manifest(self) -> bytes:
        reports = {report.report_id: parse_sealed(report.sealed).seal.body_sha256 for report in self.outbox.reports()}
        coverage = self.path / HIDDEN_DIR / COVERAGE_FILE
        files: dict[str, str] = {}
        if coverage.exists():
            with coverage.open("rb") as file:
                files[COVERAGE_FILE] = file_digest(file, "sha256").hexdigest()
        return sealed_manifest(reports, files, self._key)

    def _publish_coverage(self) -> None:
        source, target = self.path / HIDDEN_DIR / COVERAGE_FILE, self.path / COVERAGE_FILE
        if source.exists():
            temporary = target.with_name(TMP_PREFIX + target.name)
            _link_or_copy(source, temporary)
            temporary.replace(target)
            # Renaming a second name of one file over the first leaves both.
            temporary.unlink(missing_ok=True)
            fsync_dir(self.path)

    def _publish(self, report: KeptReport) -> None:
        target = self.path / REPORTS_DIR / f"{report.report_id}.json"
        missing = [file for file in report.files if not (self.path / EVIDENCE_DIR / file.name).exists()]
        for file in missing:
            _link_or_copy(file, self.path / EVIDENCE_DIR / file.name)
        if missing:
            fsync_dir(self.path / EVIDENCE_DIR)
        if not target.exists():
            write_atomic(target, report.sealed)


def _link_or_copy(source: Path, target: Path) -> None:
    """A hard link costs no space; file systems without links (FAT on a memory card) get a copy."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise InputError(f"{source} was removed by hand: put it back, or start with an empty --out folder") from None
    except FileExistsError:
        return
    except OSError:
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(TMP_PREFIX + target.name)
    try:
        with source.open("rb") as reader, temporary.open("wb") as writer:
            shutil.copyfileobj(reader, writer)
            writer.flush()
            os.fsync(writer.fileno())
        temporary.replace(target)
    except OSError as error:
        raise explain(error, target, source.stat().st_size) from error
    finally:
        temporary.unlink(missing_ok=True)
