"""Deny by default: every route of the app is asked as a stranger, and as the wrong somebody."""

from __future__ import annotations

import re

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute, iter_route_contexts

from server.app import create_app
from server.security.guard import Anyone, require_guards
from tests.server.harness import Running, problem

OPEN = {
    ("GET", "/healthz"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/metrics"),  # from this machine
    ("POST", "/api/v1/session"),
    ("POST", "/api/v1/devices/enrol"),
    ("OPTIONS", "/api/v1/evidence"),
    ("GET", "/"),
    ("GET", "/login"),
    ("POST", "/login"),
}
FILLED = {
    "report_id": "00000000-0000-4000-8000-000000000000",
    "note_id": "00000000-0000-4000-8000-000000000000",
    "upload_id": "0" * 32,
    "sha256": "0" * 64,
}


def routes(running: Running) -> list[tuple[str, str]]:
    app = create_app(running.services)
    found: list[tuple[str, str]] = []
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            found += [(method, str(context.path)) for method in context.original_route.methods or ()]
    return found


def ask(client: httpx.Client, method: str, path: str) -> httpx.Response:
    url = re.sub(r"\{(\w+)\}", lambda m: FILLED.get(m[1], "1"), path)
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Upload-Length": "1", "Upload-Metadata": "sha256 eA=="}
    return client.request(method, url, headers={**headers, "Content-Type": "application/json"}, content=b"{}")


def test_strangers_reach_nothing_but_what_is_listed(running: Running) -> None:
    found = routes(running)
    assert len(found) > 20
    assert set(found) >= OPEN
    client = httpx.Client(base_url=running.url, trust_env=False)
    with client:
        for method, path in found:
            if (method, path) not in OPEN:
                assert ask(client, method, path).status_code in (401, 403), f"{method} {path}"


def test_devices_reach_no_reviewers_route_and_reviewers_no_devices_route(running: Running) -> None:
    _, device = running.device()
    reviewer = running.reviewer()
    with httpx.Client(base_url=running.url, headers=device.headers, trust_env=False) as as_device:
        for method, path in routes(running):
            devices_own = path.startswith(("/api/v1/reports", "/api/v1/notes", "/api/v1/fleet")) or (method, path) in {
                ("POST", "/api/v1/evidence"),
                ("POST", "/api/v1/devices/heartbeat"),
                ("HEAD", "/api/v1/evidence/uploads/{upload_id}"),
                ("PATCH", "/api/v1/evidence/uploads/{upload_id}"),
            }
            if devices_own:
                assert ask(reviewer, method, path).status_code == 401, f"{method} {path}"
            elif (method, path) not in OPEN:
                assert ask(as_device, method, path).status_code in (401, 403), f"{method} {path}"


def test_app_refuses_a_route_that_names_no_guard() -> None:
    router, nested = APIRouter(), APIRouter()
    nested.add_api_route("/open", lambda: None)
    router.include_router(nested, prefix="/inner")
    with pytest.raises(RuntimeError, match="route /inner/open names no guard"):
        require_guards(router.routes)


def test_guarded_route_passes() -> None:
    router = APIRouter()

    def said(_guard: Anyone) -> None: ...

    router.add_api_route("/said", said)
    require_guards(router.routes)


STATE_CHANGING = [
    ("POST", "/api/v1/cases/1/actions"),
    ("POST", "/api/v1/devices/codes"),
    ("DELETE", "/api/v1/session"),
]


@pytest.mark.parametrize(("method", "path"), STATE_CHANGING)
@pytest.mark.parametrize("token", [None, "", "wrong", "0" * 64])
def test_reviewers_request_without_his_csrf_token_is_refused(
    running: Running, method: str, path: str, token: str | None
) -> None:
    client = running.reviewer()
    del client.headers["X-CSRF-Token"]
    headers = {} if token is None else {"X-CSRF-Token": token}
    assert problem(client.request(method, path, headers=headers)) == (403, "csrf")


def test_csrf_token_of_another_session_is_refused(running: Running) -> None:
    first, second = running.reviewer(), running.reviewer()
    headers = {"X-CSRF-Token": first.headers["X-CSRF-Token"]}
    assert problem(second.post("/api/v1/devices/codes", headers=headers)) == (403, "csrf")


def test_every_answer_carries_the_security_headers(running: Running) -> None:
    client = running.client()
    for path in ("/healthz", "/login", "/nowhere", "/api/v1/cases"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "script-src 'self';" in headers["Content-Security-Policy"]
        assert "worker-src 'self' blob:" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "Server" not in headers or headers["Server"] == "uvicorn"  # the command line takes it off
