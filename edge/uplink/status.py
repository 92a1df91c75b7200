"""The server's word on one report."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from edge.wire import ServerBusy, ServerClient

REPORTS_PATH: Final = "/api/v1/reports"


@dataclass(frozen=True, slots=True)
class ReportStatus:
    """What the server has of a report."""

    body_sha256: str
    missing: tuple[str, ...]
    complete: bool
    case_url: str | None

    @staticmethod
    def of(data: dict[str, Any]) -> ReportStatus:
        """Read the server's JSON.

        Raises:
            ServerBusy: it lacks what is needed; something in between spoke in the server's place.
        """
        body_sha256, missing = data.get("body_sha256"), data.get("missing_evidence")
        complete, case_url = data.get("complete"), data.get("case_url")
        if not isinstance(body_sha256, str) or not isinstance(missing, list) or not isinstance(complete, bool):
            raise ServerBusy("the server's word on a report lacks body_sha256, missing_evidence or complete")
        case_url = case_url if isinstance(case_url, str) else None
        return ReportStatus(body_sha256, tuple(map(str, missing)), complete, case_url)


def report_status(client: ServerClient, report_id: uuid.UUID) -> ReportStatus | None:
    """What the server has of a report; `None` when it does not know it.

    Raises:
        TransientError, PermanentError: see `edge.wire`.
    """
    answer = client.request("GET", client.url(f"{REPORTS_PATH}/{report_id}"))
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise ServerBusy(f"the state of report {report_id} was answered {answer.status}: {answer.words()}")
    return ReportStatus.of(answer.json())
