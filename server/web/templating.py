"""Jinja2, set up once: escaping on, both languages by macro."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from detector.vocabulary import Text, vocabulary
from server.db.tables import CaseState
from server.security.sessions import SignedIn

FOLDER = Path(__file__).resolve().parent

# A page asked for by a script is only a part of the page asked for by a person.
_HEADERS = {"Vary": "HX-Request"}

STATES: dict[CaseState, Text] = {
    CaseState.PENDING: Text("待审核", "Pending review"),
    CaseState.CONFIRMED: Text("已立案", "Confirmed"),
    CaseState.REJECTED: Text("已驳回", "Rejected"),
}

_AGES = ((86400, "天前", "d ago"), (3600, "小时前", "h ago"), (60, "分钟前", "min ago"))


def age(at: datetime, now: datetime | None = None) -> Text:
    """How long ago, in the largest whole unit."""
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    for unit_s, zh, en in _AGES:
        if seconds >= unit_s:
            number = int(seconds // unit_s)
            return Text(f"{number} {zh}", f"{number} {en}")
    return Text("刚刚", "just now")


def utc(at: datetime) -> str:
    """A time as the pages print it; a script turns it into the reader's own zone."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(age=age, utc=utc)
    environment.globals.update(STATES=STATES, KINDS=vocabulary().kinds, Text=Text)
    return environment


_templates = Jinja2Templates(env=_environment())


def render(
    request: Request,
    template: str,
    who: SignedIn | None,
    *,
    status: int = 200,
    **context: Any,
) -> HTMLResponse:
    """A page, or the part of it that a script asked for.

    Args:
        who: the reviewer; gives the page its CSRF token.
    """
    partial = request.headers.get("HX-Request") == "true"
    return _templates.TemplateResponse(
        request, template, {"who": who, "partial": partial, **context}, status_code=status, headers=_HEADERS
    )
