"""Reviewers signing in and out, for programs; people use the pages."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from server.api.problems import documented
from server.api.schemas import SessionOut, SignIn
from server.security import entrance
from server.security.guard import Anyone, AsReviewer, AsWritingReviewer

router = APIRouter(prefix="/api/v1/session", tags=["reviewers"])


@router.post("", status_code=201, responses=documented(401, 403, 413, 422, 429, 503, 507))
def sign_in(_guard: Anyone, request: Request, response: Response, who: SignIn) -> SessionOut:
    """Signs a reviewer in; the answer sets the session cookie."""
    begun = entrance.enter(request, who.name, who.password)
    entrance.give_cookie(request, response, begun)
    return SessionOut.model_validate(begun.signed_in)


@router.get("", responses=documented(401, 503))
def whoami(who: AsReviewer) -> SessionOut:
    """Who is signed in."""
    return SessionOut.model_validate(who)


@router.delete("", status_code=204, responses=documented(401, 403, 503, 507))
def sign_out(_who: AsWritingReviewer, request: Request, response: Response) -> None:
    """Signs out."""
    entrance.leave(request)
    entrance.take_cookie(response)
