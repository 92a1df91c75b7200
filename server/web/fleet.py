"""The page of the fleet packs: which there are, whom each is meant for, which box runs which."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile

from server.cases.workflow import reviewer_actor
from server.errors import Conflict, Refused, ServerError, TooLarge
from server.fleet import overview, packs
from server.ingest.space import require_space
from server.security.guard import AsReviewer, AsWritingReviewer, UsesServices
from server.web.page import Page
from server.web.templating import render

router = APIRouter(include_in_schema=False, route_class=Page)

UPLOAD_PATH = "/fleet/packs"
Hash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@router.get("/fleet")
def fleet(request: Request, who: AsReviewer, services: UsesServices) -> Response:
    """The packs, newest first, and the boxes."""
    return _page(request, who, services, None)


@router.post(UPLOAD_PATH)
async def upload(request: Request, who: AsWritingReviewer, services: UsesServices) -> Response:
    """A new pack; meant for nobody until somebody says for whom."""
    # The guard has read the form before: a stranger's file is never taken.
    async with request.form() as form:
        sent = form.get("pack")
        try:
            if not isinstance(sent, UploadFile) or not sent.filename:
                raise Refused("choose the file of a pack, *.kwpack", slug="no-pack")
            require_space(services)
            actor = reviewer_actor(who.name)
            await run_in_threadpool(services.packs.take, sent.file, actor=actor, now=datetime.now(UTC))
        except (Conflict, Refused, TooLarge) as refused:
            return await run_in_threadpool(_page, request, who, services, refused)
    return RedirectResponse("/fleet", 303)


@router.post("/fleet/packs/{sha256}/share")
def share(
    who: AsWritingReviewer, services: UsesServices, sha256: Hash, percent: Annotated[int, Form(ge=0, le=100)]
) -> Response:
    """Means a pack for a share of all boxes."""
    del who
    with services.database.write() as session:
        packs.share(session, sha256, percent)
    return RedirectResponse("/fleet", 303)


@router.post("/fleet/packs/{sha256}/pause")
def pause(who: AsWritingReviewer, services: UsesServices, sha256: Hash, paused: Annotated[bool, Form()]) -> Response:
    """Offers a pack to nobody more, or again."""
    del who
    with services.database.write() as session:
        packs.pause(session, sha256, paused=paused)
    return RedirectResponse("/fleet", 303)


@router.post("/fleet/packs/{sha256}/devices")
def choose(
    who: AsWritingReviewer,
    services: UsesServices,
    sha256: Hash,
    device: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Means a pack for these boxes, beside its share."""
    del who
    with services.database.write() as session:
        packs.choose(session, sha256, device or [])
    return RedirectResponse("/fleet", 303)


def _page(request: Request, who: AsReviewer, services: UsesServices, error: ServerError | None) -> Response:
    with services.database.read() as session:
        shown = overview.load(session, now=datetime.now(UTC))
        return render(request, "fleet.html", who, status=error.status if error else 200, fleet=shown, error=error)
