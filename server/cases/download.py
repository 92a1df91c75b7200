"""A case as one file that anyone can check: the layout that ``kerbwatch verify`` reads.

``reports/<report_id>.json`` holds the sealed reports byte for byte, ``evidence/<sha256>.<suffix>`` what they bind.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO

from server.db.tables import Case, EvidenceState
from server.storage import EvidenceStore

_IN_MEMORY_BYTES = 8 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def zip_case(case: Case, evidence: EvidenceStore, suffix: Callable[[str], str]) -> IO[bytes]:
    """The case's reports and stored evidence; the same case always gives the same bytes.

    Returns:
        A temporary file at its start; whoever asked closes it.
    """
    spool: IO[bytes] = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - handed to the caller
    written: set[str] = set()
    with zipfile.ZipFile(spool, "w") as archive:
        for sighting in case.sightings:
            report = sighting.report
            entry = _entry(f"reports/{report.id}.json", report.captured_at, zipfile.ZIP_DEFLATED)
            archive.writestr(entry, report.sealed_json)
            for item in report.evidence:
                name = f"evidence/{item.sha256}.{suffix(item.media_type)}"
                if item.state is not EvidenceState.STORED or name in written:
                    continue
                written.add(name)
                with archive.open(_entry(name, item.captured_at, zipfile.ZIP_STORED), "w") as target:
                    for chunk in evidence.chunks(item.sha256):
                        target.write(chunk)
    spool.seek(0)
    return spool


def stream(file: IO[bytes]) -> Iterator[bytes]:
    """The file in pieces, then closes it."""
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _entry(name: str, at: datetime, compression: int) -> zipfile.ZipInfo:
    moment = at.timetuple()[:6]
    entry = zipfile.ZipInfo(name, date_time=max(moment, _ZIP_EPOCH))  # type: ignore[arg-type]
    entry.compress_type = compression
    entry.external_attr = 0o644 << 16
    return entry
