"""Signing in over HTTP: the API and the pages share the limit on tries and the cookie."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import Request, Response

from server.security import sessions
from server.security.guard import SESSION_COOKIE, same_origin
from server.security.sessions import NewSession
from server.services import services


def enter(request: Request, name: str, password: str) -> NewSession:
    """Begins a session.

    Failures count by the caller's address only: counted by name, a stranger could lock a reviewer out.

    Raises:
        Unauthorised: wrong name or password.
        TooMany: too many failures from this address.
        Forbidden: sent from another site.
    """
    same_origin(request)
    at = services(request)
    key = request.client.host if request.client else ""
    at.sign_in_limit.attempt(key)
    with at.database.read() as session:
        who = sessions.check_password(session, name, password)
    at.sign_in_limit.succeeded(key)
    with at.database.write() as session:
        return sessions.begin(session, who, now=datetime.now(UTC), life=at.settings.session_life)


def leave(request: Request) -> None:
    """Ends the session of the request's cookie."""
    with services(request).database.write() as session:
        sessions.sign_out(session, request.cookies[SESSION_COOKIE])


def give_cookie(request: Request, response: Response, begun: NewSession) -> None:
    """Puts the session's token into a cookie that scripts cannot read and other sites cannot send along."""
    settings = services(request).settings
    response.set_cookie(
        SESSION_COOKIE,
        begun.token,
        max_age=int(settings.session_life.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=settings.https,
        path="/",
    )


def take_cookie(response: Response) -> None:
    """Makes the browser forget the cookie."""
    response.delete_cookie(SESSION_COOKIE, path="/")
