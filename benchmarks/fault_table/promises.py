"""What the storage workload had promised when it was cut off, and whether it is still there."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from benchmarks.fault_table.workload import put_again
from detector.errors import KerbwatchError
from detector.evidence.seal import read_sealed
from edge.outbox import Outbox
from edge.parcels import KeptReport, Quota, ReportState
from edge.vault.limits import VaultLimits
from edge.vault.vault import Vault

_ORDER = [ReportState.QUEUED, ReportState.SENT, ReportState.STORED]


@dataclass
class Promises:
    """What was acknowledged so far."""

    reports: dict[str, uuid.UUID] = field(default_factory=dict)
    """Report ids by hit key."""
    states: dict[uuid.UUID, ReportState] = field(default_factory=dict)
    originals: dict[str, uuid.UUID] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    sent_bytes: int = 0

    def heard(self, said: bytes) -> None:
        """A line of the workload."""
        match said.decode().split():
            case ["put", hit_key, report_id]:
                self.reports[hit_key] = uuid.UUID(report_id)
            case ["sent", report_id]:
                self.states[uuid.UUID(report_id)] = ReportState.SENT
            case ["stored", report_id]:
                self.states[uuid.UUID(report_id)] = ReportState.STORED
            case ["original", report_id, name] if name not in self.deleted:
                self.originals[name] = uuid.UUID(report_id)
            case ["deleting", name]:
                self.originals.pop(name, None)  # from now on it may be gone
            case ["deleted", name]:
                self.deleted.add(name)
            case ["bytes", count]:
                self.sent_bytes += int(count)
            case _:
                pass

    @property
    def count(self) -> int:
        """Reports promised."""
        return len(self.reports)


@dataclass
class Found:
    """What became of the promises."""

    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Add what was found another time."""
        self.acknowledged += other.acknowledged
        self.lost += other.lost
        self.doubled += other.doubled
        self.wrong += other.wrong


def look(state: Path, promised: Promises, *, reports: int) -> Found:
    """Open what is left with the product itself, hold it against the promises, and run the patrol again."""
    found = Found(acknowledged=promised.count)
    try:
        with Outbox.open(state, quota=Quota(reserve_bytes=0)) as outbox:
            _look_at_reports(outbox, promised, found)
            for ordinal in range(reports):
                put_again(outbox, ordinal)
            keys = Counter(report.hit_key for report in outbox.reports())
            found.doubled += sum(count - 1 for count in keys.values())
            if len(keys) != reports:
                found.wrong.append(f"{len(keys)} reports after the patrol was run again, not {reports}")
        _look_at_originals(state, promised, found)
    except KerbwatchError as error:
        found.wrong.append(f"{type(error).__name__}: {error}")
    return found


def _look_at_reports(outbox: Outbox, promised: Promises, found: Found) -> None:
    kept = {report.hit_key: report for report in outbox.reports()}
    for hit_key, report_id in promised.reports.items():
        report = kept.get(hit_key)
        if report is None or report.report_id != report_id:
            found.lost += 1
            continue
        least = promised.states.get(report_id, ReportState.QUEUED)
        if _ORDER.index(report.state) < _ORDER.index(least):
            found.wrong.append(f"report {report_id} was {least}, now {report.state}")
    for report in kept.values():
        _check(report, found)
    if outbox.sent_bytes("2026-05-17") < promised.sent_bytes:
        found.wrong.append(f"{promised.sent_bytes} bytes were counted, now {outbox.sent_bytes('2026-05-17')}")
    found.wrong += outbox.troubles()


def _check(report: KeptReport, found: Found) -> None:
    read_sealed(report.sealed)
    for path in report.files:
        if not path.exists():
            if report.state is not ReportState.STORED:
                found.lost += 1
        elif sha256(path.read_bytes()).hexdigest() != path.stem:
            found.wrong.append(f"{path.name} of report {report.report_id} has other bytes")


def _look_at_originals(state: Path, promised: Promises, found: Found) -> None:
    with Vault.open(state, limits=VaultLimits(reserve_bytes=0)) as vault:
        kept = {original.header.sha256: original for original in vault.originals() if original.state == "kept"}
        for name in promised.originals:
            if name not in kept:
                found.wrong.append(f"original {name[:12]} is gone")
        for name in promised.deleted & kept.keys():
            found.wrong.append(f"original {name[:12]} was deleted and is back")
        for name, original in kept.items():
            with vault.reader(original) as reader:
                if sha256(reader.read()).hexdigest() != name:
                    found.wrong.append(f"original {name[:12]} has other bytes")


def promises(said: Iterable[bytes]) -> Promises:
    """What these lines promised."""
    heard = Promises()
    for line in said:
        heard.heard(line)
    return heard
