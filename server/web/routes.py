"""Routes of the review pages. Every action also works without scripts: a plain form, answered by a redirect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

from detector.vocabulary import Text
from server.api.evidence import suffix
from server.api.problems import describe_invalid
from server.cases import workflow
from server.cases.actions import ReviewAction
from server.db.tables import CaseState, Device
from server.errors import Conflict, Refused, ServerError, TooMany, Unauthorised
from server.originals import asking, receiving
from server.security import devices, entrance
from server.security.guard import Anyone, AsReviewer, AsWritingReviewer, UsesServices, signed_in
from server.security.headers import EVIDENCE_POLICY
from server.web import case_list, case_page, map_layers
from server.web.case_list import Filter
from server.web.page import Page
from server.web.templating import render

router = APIRouter(include_in_schema=False, route_class=Page)

CaseId = Annotated[int, Path(ge=1, le=2**53)]

_ACTION: TypeAdapter[ReviewAction] = TypeAdapter(ReviewAction)
_NO_REASON = Text("请填写理由", "Give a reason")


@dataclass(frozen=True, slots=True)
class PageSeen:
    """What the reviewer had before him when he acted."""

    version: int
    picture: str | None


def _page_seen(
    version: Annotated[int, Form()], picture: Annotated[str | None, Form(max_length=101)] = None
) -> PageSeen:
    return PageSeen(version, picture)


Acted = Annotated[PageSeen, Depends(_page_seen)]


@dataclass(frozen=True, slots=True)
class WantedOriginal:
    """An original, and why somebody wants it."""

    report_id: str
    sha256: str
    reason: str


def _wanted_original(
    report_id: Annotated[str, Form(max_length=36)],
    sha256: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$")],
    reason: Annotated[str, Form(max_length=200)],
) -> WantedOriginal:
    reason = " ".join(reason.split())
    if not reason or not reason.isprintable():
        raise Refused("give a reason: it stands in the case's history", slug="no-reason", title=_NO_REASON)
    return WantedOriginal(report_id, sha256, reason)


Wanted = Annotated[WantedOriginal, Depends(_wanted_original)]


@router.get("/")
def home(_guard: Anyone) -> RedirectResponse:
    """The list of cases is the front page."""
    return RedirectResponse("/cases", 303)


@router.get("/login")
def login_page(request: Request, _guard: Anyone, next: str = "/cases") -> Response:
    """The log-in form."""
    if signed_in(request):
        return RedirectResponse(_local(next), 303)
    return render(request, "login.html", None, next=_local(next), error=None)


@router.post("/login")
def login(
    request: Request,
    _guard: Anyone,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1024)],
    next: Annotated[str, Form(max_length=500)] = "/cases",
) -> Response:
    """Begins a session, or shows the form again and says why."""
    try:
        begun = entrance.enter(request, name, password)
    except (Unauthorised, TooMany) as refused:
        return render(request, "login.html", None, status=refused.status, next=_local(next), error=refused)
    answer = RedirectResponse(_local(next), 303)
    entrance.give_cookie(request, answer, begun)
    return answer


@router.post("/logout")
def logout(request: Request, _who: AsWritingReviewer) -> Response:
    """Ends the session."""
    entrance.leave(request)
    answer = RedirectResponse("/login", 303)
    entrance.take_cookie(answer)
    return answer


@router.get("/cases")
def cases(
    request: Request,
    who: AsReviewer,
    services: UsesServices,
    state: str = CaseState.PENDING.value,
    kind: str = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """The list of cases."""
    try:
        wanted = CaseState(state) if state and state != "all" else None
    except ValueError as unknown:
        raise Refused(f"state {state!r} is none of all, {', '.join(CaseState)}") from unknown
    with services.database.read() as session:
        listed = case_list.load(session, Filter(state=wanted, kind=kind or None, page=page))
        return render(request, "cases.html", who, listed=listed)


@router.get("/cases/{case_id}")
def case(
    request: Request, who: AsReviewer, services: UsesServices, case_id: CaseId, picture: str | None = None
) -> Response:
    """The case page."""
    return _case(request, who, services, case_id, picture=picture)


@router.get("/cases/{case_id}/map.geojson")
def case_map(who: AsReviewer, services: UsesServices, case_id: CaseId) -> Response:
    """What the map draws: the site's zones near the case, every sighting's point and both error ellipses."""
    del who
    with services.database.read() as session:
        shown = case_page.load(session, workflow.get(session, case_id))
    return JSONResponse(map_layers.collection(shown, services.settings.site), media_type="application/geo+json")


@router.post("/cases/{case_id}/confirm")
def confirm(request: Request, who: AsWritingReviewer, services: UsesServices, case_id: CaseId, act: Acted) -> Response:
    """立案: it is a violation."""
    return _act(request, who, services, case_id, act, action="confirm")


@router.post("/cases/{case_id}/reject")
def reject(
    request: Request,
    who: AsWritingReviewer,
    services: UsesServices,
    case_id: CaseId,
    act: Acted,
    choice: Annotated[str, Form(max_length=200)],
) -> Response:
    """It is none. `choice` is ``family:reason``."""
    family, _, reason = choice.partition(":")
    return _act(request, who, services, case_id, act, action="reject", family=family, reason=reason)


@router.post("/cases/{case_id}/cue")
def change_cue(
    request: Request,
    who: AsWritingReviewer,
    services: UsesServices,
    case_id: CaseId,
    act: Acted,
    cue: Annotated[str, Form(max_length=200)],
) -> Response:
    """The thing is something else than the model thought."""
    return _act(request, who, services, case_id, act, action="change_cue", cue=cue)


@router.post("/cases/{case_id}/box")
def redraw_box(
    request: Request,
    who: AsWritingReviewer,
    services: UsesServices,
    case_id: CaseId,
    act: Acted,
    report_id: Annotated[str, Form(max_length=36)],
    sha256: Annotated[str, Form(max_length=64)],
    box: Annotated[int, Form()],
    left: Annotated[float, Form()],
    top: Annotated[float, Form()],
    right: Annotated[float, Form()],
    bottom: Annotated[float, Form()],
) -> Response:
    """A better box on one picture, pixels of that picture."""
    fields: dict[str, Any] = {"report_id": report_id, "sha256": sha256, "box": box}
    fields["xyxy_px"] = (left, top, right, bottom)
    return _act(request, who, services, case_id, act, action="redraw_box", **fields)


@router.post("/cases/{case_id}/undo")
def undo(request: Request, who: AsWritingReviewer, services: UsesServices, case_id: CaseId, act: Acted) -> Response:
    """Takes back the newest decision that still stands."""
    return _act(request, who, services, case_id, act, action="undo")


@router.get("/devices")
def device_list(request: Request, who: AsReviewer, services: UsesServices) -> Response:
    """The devices, and the form that makes an enrolment code."""
    return _devices(request, who, services, None)


@router.post("/devices/codes")
def enrolment_code(request: Request, who: AsWritingReviewer, services: UsesServices) -> Response:
    """A new enrolment code, shown on this one answer and kept nowhere."""
    with services.database.write() as session:
        code = devices.mint_code(
            session,
            now=datetime.now(UTC),
            life=services.settings.enrolment_code_life,
            created_by=who.reviewer_id,
        )
    return _devices(request, who, services, code)


def _act(
    request: Request, who: AsReviewer, services: UsesServices, case_id: CaseId, seen: PageSeen, **fields: Any
) -> Response:
    """Does the action; a script gets the case as it stands now, a plain form a redirect to it."""
    try:
        action = _ACTION.validate_python(fields)
        with services.database.write() as session:
            actor = workflow.reviewer_actor(who.name)
            workflow.act(session, case_id, action, expected_version=seen.version, actor=actor, now=datetime.now(UTC))
    except (Conflict, Refused) as refused:
        return _case(request, who, services, case_id, picture=seen.picture, error=refused)
    except ValidationError as invalid:
        refused = Refused(describe_invalid(invalid.errors()))
        return _case(request, who, services, case_id, picture=seen.picture, error=refused)
    if request.headers.get("HX-Request") == "true":
        return _case(request, who, services, case_id, picture=seen.picture)
    return RedirectResponse(f"/cases/{case_id}", 303)


@router.post("/cases/{case_id}/originals/ask")
def ask_for_original(
    request: Request, who: AsWritingReviewer, services: UsesServices, case_id: CaseId, wanted: Wanted
) -> Response:
    """The box is asked for an unblurred original, with a reason; its policy decides."""
    try:
        with services.database.write() as session:
            asking.ask(
                session,
                workflow.get(session, case_id),
                wanted.report_id,
                wanted.sha256,
                reason=wanted.reason,
                actor=workflow.reviewer_actor(who.name),
                now=datetime.now(UTC),
                bytes_max=services.settings.limits.evidence_bytes,
            )
    except Conflict as refused:
        return _case(request, who, services, case_id, picture=None, error=refused)
    return RedirectResponse(f"/cases/{case_id}", 303)


@router.post("/cases/{case_id}/originals/look")
def look_at_original(who: AsWritingReviewer, services: UsesServices, case_id: CaseId, wanted: Wanted) -> Response:
    """An unblurred original, for this one look; who and why stand in the history first."""
    with services.database.write() as session:
        look = receiving.look_at(
            session,
            services.uploads.originals,
            workflow.get(session, case_id),
            wanted.report_id,
            wanted.sha256,
            reason=wanted.reason,
            actor=workflow.reviewer_actor(who.name),
            now=datetime.now(UTC),
        )
    headers = {
        "Content-Security-Policy": EVIDENCE_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Content-Disposition": f'inline; filename="original-{wanted.sha256[:12]}.{suffix(look.media_type)}"',
    }
    return StreamingResponse(look.chunks, media_type=look.media_type, headers=headers)


def _case(
    request: Request,
    who: AsReviewer,
    services: UsesServices,
    case_id: CaseId,
    *,
    picture: str | None,
    error: ServerError | None = None,
) -> Response:
    with services.database.read() as session:
        shown = case_page.load(session, workflow.get(session, case_id), picture)
        return render(request, "case.html", who, status=error.status if error else 200, case=shown, error=error)


def _devices(request: Request, who: AsReviewer, services: UsesServices, code: devices.NewCode | None) -> Response:
    with services.database.read() as session:
        known = session.scalars(select(Device).order_by(Device.name, Device.id)).all()
        return render(request, "devices.html", who, known=known, code=code)


def _local(path: str) -> str:
    """A path of this site, never another site's address."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/cases"
