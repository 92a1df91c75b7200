"""A route that answers people: an error is a page too, not JSON."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import DatabaseError

from server.api.problems import describe_invalid, of_database, of_storage
from server.errors import Refused, ServerError, Unauthorised
from server.security.guard import signed_in
from server.web.templating import render


class Page(APIRoute):
    """Shows errors as a page; who is not signed in is sent to the log-in form by the app."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with its errors turned into pages."""
        handle = super().get_route_handler()

        async def handle_as_page(request: Request) -> Response:
            try:
                return await handle(request)
            except (ServerError, RequestValidationError) as failed:
                if isinstance(failed, Unauthorised) or not _for_people(request):
                    raise
                error = failed if isinstance(failed, ServerError) else Refused(describe_invalid(failed.errors()))
                return render(request, "error.html", signed_in(request), status=error.status, error=error)
            except (DatabaseError, OSError) as failed:
                if not _for_people(request):
                    raise
                error = of_database(failed) if isinstance(failed, DatabaseError) else of_storage(failed)
                # Who it is stands in the database that may be what fails.
                return render(request, "error.html", None, status=error.status, error=error)

        return handle_as_page


def _for_people(request: Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")
