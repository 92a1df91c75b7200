"""The dependencies that say who may call a route.

Every route names exactly one of `Anyone`, `AsReviewer`, `AsWritingReviewer`, `AsDevice` or `AsCollector`; the app
refuses to start with a route that names none (`require_guards`).
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.routing import BaseRoute

from detector.vocabulary import Text
from server.errors import Forbidden, Unauthorised
from server.security import devices, sessions
from server.security.devices import KnownDevice
from server.security.sessions import SignedIn
from server.services import Services, services
from server.settings import is_loopback

SESSION_COOKIE = "kerbwatch_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"

_cookie = APIKeyCookie(
    name=SESSION_COOKIE, scheme_name="reviewer", auto_error=False, description="Session of a reviewer, from sign-in."
)
_bearer = HTTPBearer(scheme_name="device", auto_error=False, description="Token of a device, from enrolment.")
_collector_bearer = HTTPBearer(scheme_name="collector", auto_error=False, description="Token of a metrics collector.")


def anyone() -> None:
    """Open to everybody: says so, so that nothing is open by accident."""


def reviewer(request: Request, _doc: Annotated[str | None, Depends(_cookie)]) -> SignedIn:
    """The signed-in reviewer.

    Raises:
        Unauthorised: no session cookie, or one that has ended.
    """
    found = signed_in(request)
    if found is None:
        raise Unauthorised("sign in first: there is no valid session cookie", slug="not-signed-in")
    return found


def signed_in(request: Request) -> SignedIn | None:
    """The reviewer whose session cookie the request carries, if any; for pages that also serve strangers."""
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        return None
    with services(request).database.read() as session:
        return sessions.find(session, token, now=datetime.now(UTC))


async def _csrf_sent(request: Request) -> AsyncIterator[str]:
    header = request.headers.get(CSRF_HEADER)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if header is None and kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        # Closed at the end whatever comes of the request: a file in the form lies on the disk.
        async with request.form() as form:
            value = form.get(CSRF_FIELD)
            yield value if isinstance(value, str) else ""
    else:
        yield header or ""


def writing_reviewer(who: AsReviewer, sent: Annotated[str, Depends(_csrf_sent)]) -> SignedIn:
    """The signed-in reviewer, on a request that his own page sent.

    Raises:
        Forbidden: the CSRF token of the session is missing (header ``X-CSRF-Token`` or form field ``csrf_token``).
    """
    if not secrets.compare_digest(sent.encode(), who.csrf_token.encode()):
        raise Forbidden(
            f"send the session's CSRF token in the header {CSRF_HEADER} or the form field {CSRF_FIELD}",
            slug="csrf",
            title=Text("页面已过期，请刷新", "The page is out of date: reload it"),
        )
    return who


def same_origin(request: Request) -> None:
    """Refuses a form that another site made the browser send before there is a session to bind a token to.

    Raises:
        Forbidden: the browser says that the request comes from another site.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("this form was sent from another site", slug="csrf")


def device(request: Request, _doc: Annotated[object, Depends(_bearer)]) -> KnownDevice:
    """The device whose token the request carries.

    Raises:
        Unauthorised: no ``Authorization: Bearer`` header, or a token nobody has (any more).
    """
    token = _bearer_token(request)
    with services(request).database.read() as session:
        found = devices.find(session, token) if token else None
    if found is None:
        raise Unauthorised("send the device's token as Authorization: Bearer; enrol the device to get one")
    return found


def collector(request: Request, _doc: Annotated[object, Depends(_collector_bearer)]) -> None:
    """Somebody on this machine, or with the metrics token.

    Raises:
        Forbidden: neither.
    """
    settings = services(request).settings
    if settings.metrics_token and secrets.compare_digest(
        (_bearer_token(request) or "").encode(), settings.metrics_token.encode()
    ):
        return
    # Behind a proxy everybody seems to come from this machine.
    if not settings.behind_proxy and request.client is not None and is_loopback(request.client.host):
        return
    raise Forbidden("metrics are for this machine only: set KERBWATCH_METRICS_TOKEN and send it as a bearer token")


def _bearer_token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


Anyone = Annotated[None, Depends(anyone)]
AsReviewer = Annotated[SignedIn, Depends(reviewer)]
AsWritingReviewer = Annotated[SignedIn, Depends(writing_reviewer)]
AsDevice = Annotated[KnownDevice, Depends(device)]
AsCollector = Annotated[None, Depends(collector)]
UsesServices = Annotated[Services, Depends(services)]

_GUARDS = {anyone, reviewer, writing_reviewer, device, collector}


def require_guards(routes: Sequence[BaseRoute]) -> None:
    """Checks that every API route and page names a guard.

    Raises:
        RuntimeError: names the route that does not: a mistake in the program, found at every start.
    """
    for context in iter_route_contexts(routes):
        route = context.original_route
        if isinstance(route, APIRoute) and not _guarded(route.dependant):
            raise RuntimeError(f"route {context.path} names no guard: see server/security/guard.py")


def _guarded(dependant: Dependant) -> bool:
    return dependant.call in _GUARDS or any(_guarded(inner) for inner in dependant.dependencies)
