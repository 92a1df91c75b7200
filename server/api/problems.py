"""Every error as RFC 9457 problem+json, with a title in both languages."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DatabaseError, OperationalError
from starlette.exceptions import HTTPException

from detector.errors import SealError
from detector.vocabulary import Text
from server.errors import BadRequest, Busy, NoSpace, Refused, ServerError, Unauthorised

TYPE_PREFIX = "urn:kerbwatch:problem:"
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SQLITE_NO_SPACE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE}
_SQLITE_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_TITLES = {
    400: BadRequest.title,
    404: Text("未找到", "Not found"),
    405: Text("不支持该方法", "Method not allowed"),
    413: Text("内容过大", "Too large"),
}
_log = structlog.get_logger("kerbwatch.problems")


class Problem(BaseModel):
    """An error, RFC 9457. Some problems carry further members, such as the id that is in the way."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Stable name of the problem.", examples=["urn:kerbwatch:problem:conflict"])
    title: str = Field(description="Kind of problem, Chinese and English.")
    title_zh: str
    title_en: str
    status: int
    detail: str = Field(description="What is wrong with this request and how to mend it.")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that can fail with these statuses."""
    titles = {cls.status: cls.title for cls in ServerError.__subclasses__()}
    headers = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
    return {
        status: {
            "description": (titles.get(status) or Text(*(HTTPStatus(status).phrase,) * 2)).both(),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": headers} if status in (429, 503, 507) else {}),
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Makes the app answer every error with a problem."""
    app.add_exception_handler(ServerError, _on_server_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(SealError, _on_seal)
    app.add_exception_handler(DatabaseError, _on_database)
    app.add_exception_handler(OSError, _on_os_error)
    app.add_exception_handler(Exception, _on_bug)


def problem(error: ServerError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer for one error."""
    body = Problem(
        type=TYPE_PREFIX + error.slug,
        title=error.title.both(),
        title_zh=error.title.zh,
        title_en=error.title.en,
        status=error.status,
        detail=error.detail,
        **error.extra,  # type: ignore[arg-type]
    )
    merged = dict(headers or {})
    if error.retry_after_s is not None:
        merged["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        merged["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        body.model_dump(mode="json"), error.status, headers=merged, media_type="application/problem+json"
    )


def _on_server_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServerError)  # noqa: S101 - what the handler is registered for
    page = request.method == "GET" and not request.url.path.startswith("/api/")
    if isinstance(error, Unauthorised) and page and "text/html" in request.headers.get("Accept", ""):
        return RedirectResponse("/login?next=" + quote(request.url.path), 303)
    return problem(error)


def _on_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return problem(Refused(describe_invalid(error.errors())))


def describe_invalid(errors: Any) -> str:
    """The first thing that is wrong, and how many more; the input itself is not repeated."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{where[:300]}: {str(first['msg'])[:500]}{more}"


def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    phrase = HTTPStatus(error.status_code).phrase
    wrapped = ServerError(
        str(error.detail),
        slug=phrase.lower().replace(" ", "-"),
        title=_TITLES.get(error.status_code, Text(phrase, phrase)),
    )
    wrapped.status = error.status_code
    return problem(wrapped, error.headers)


def _on_seal(_request: Request, error: Exception) -> Response:
    return problem(Refused(str(error), slug="broken-seal", title=Text("封印校验失败", "The seal is broken")))


def _on_database(_request: Request, error: Exception) -> Response:
    assert isinstance(error, DatabaseError)  # noqa: S101
    return problem(of_database(error))


def of_database(error: DatabaseError) -> ServerError:
    """What a client is told of a database that fails.

    Raises:
        DatabaseError: the given one, when it is a mistake in the program.
    """
    code = getattr(error.orig, "sqlite_errorcode", 0)
    damaged = code & 0xFF in _SQLITE_DAMAGED
    if not damaged and not isinstance(error, OperationalError):
        raise error
    _log.error("database", error=str(error.orig), code=code)
    if code in _SQLITE_NO_SPACE:
        return NoSpace("the database's disk is full: nothing was stored, send it again later")
    if damaged:
        return Busy("the database is damaged, the service must restore a copy: send it again later")
    return Busy("the database cannot take this now: send it again later")


def _on_os_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)  # noqa: S101
    return problem(of_storage(error))


def of_storage(error: OSError) -> ServerError:
    """What a client is told of a disk that fails."""
    _log.error("storage", error=str(error))
    if error.errno in _NO_SPACE:
        return NoSpace("the disk is full: nothing was stored, send it again later")
    return Busy("the storage cannot take this now: send it again later")


def _on_bug(_request: Request, _error: Exception) -> Response:
    # The traceback is logged by the server; the client learns nothing of the inside.
    return problem(ServerError("the service failed on this request; it was logged"))
