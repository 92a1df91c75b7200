"""The append-only, hash-chained history of a case.

The hash of a line is SHA-256 over the canonical JSON of its case, number, time, actor and action and of the hash of
the line before (64 zeros before the first), so no line can be changed or taken out without every later one showing it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from detector.errors import SealError
from server.cases.actions import Event, OriginalAnswered, OriginalAsked, OriginalSeen, Warned
from server.db.tables import Case, CaseEvent

GENESIS = "0" * 64
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
_NO_CHANGE = (OriginalAsked, OriginalAnswered, OriginalSeen, Warned)
"""These change nothing that a reviewer decides on, and may come from a box at any time."""


def append(session: Session, case: Case, event: Event, *, actor: str, now: datetime) -> CaseEvent:
    """Adds one line and raises the case's version, unless the line is one of `_NO_CHANGE`."""
    last = case.events[-1] if case.events else None
    line = CaseEvent(
        seq=last.seq + 1 if last else 1,
        at=now,
        actor=actor,
        action=_EVENT.dump_python(event, mode="json"),
        prev_hash=last.hash if last else GENESIS,
    )
    line.hash = line_hash(case.id, line)
    case.events.append(line)
    if not isinstance(event, _NO_CHANGE):
        case.version = line.seq
    session.flush()
    return line


def events(case: Case) -> list[tuple[CaseEvent, Event]]:
    """Every line with its action read back."""
    return [(line, _EVENT.validate_python(line.action)) for line in case.events]


def line_hash(case_id: int, line: CaseEvent) -> str:
    """Hash of a line, hex."""
    content = {
        "case_id": case_id,
        "seq": line.seq,
        "at": line.at.isoformat(),
        "actor": line.actor,
        "action": line.action,
        "prev_hash": line.prev_hash,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def check_chain(case_id: int, lines: Sequence[CaseEvent]) -> None:
    """Checks a whole history.

    Raises:
        SealError: names the first line that is missing, changed or out of place.
    """
    previous = GENESIS
    for expected_seq, line in enumerate(lines, start=1):
        if line.seq != expected_seq:
            raise SealError(f"history of case {case_id}: line {expected_seq} is missing")
        if line.prev_hash != previous or line.hash != line_hash(case_id, line):
            raise SealError(f"history of case {case_id}: line {line.seq} was changed after it was written")
        previous = line.hash
