"""Health, metrics, the description, and errors nobody thought of."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.server.harness import Running, make_settings, problem, put, run, sealed


def test_health(running: Running) -> None:
    assert running.client().get("/healthz").json() == {"status": "ok"}


def test_a_damaged_database_is_no_health_and_devices_keep_what_they_have(running: Running) -> None:
    key, device = running.device()
    path = running.services.settings.database_path
    running.services.database.close()  # the next request opens it anew
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    for answer in (running.client().get("/healthz"), put(device, sealed(key))):
        assert problem(answer) == (503, "busy")
        assert "the database is damaged" in answer.json()["detail"]


def test_metrics_count_by_template_and_hold_no_ids(running: Running) -> None:
    key, device = running.device()
    put(device, sealed(key))
    text = running.client().get("/metrics").text
    assert 'route="/api/v1/reports/{report_id}",status="201"} 1.0' in text
    assert 'kerbwatch_cases{state="pending"} 1.0' in text
    assert "kerbwatch_evidence_missing 1.0" in text
    assert key.device_id not in text


def test_metrics_take_a_token_behind_a_proxy(tmp_path: Path) -> None:
    settings = make_settings(
        tmp_path / "data", public_url="https://a.example", behind_proxy=True, metrics_token="collector"
    )
    with run(settings) as running:
        assert problem(running.client().get("/metrics")) == (403, "forbidden")
        assert problem(running.client(Authorization="Bearer wrong").get("/metrics")) == (403, "forbidden")
        assert running.client(Authorization="Bearer collector").get("/metrics").status_code == 200


def test_description_is_whole(running: Running) -> None:
    description = running.client().get("/api/v1/openapi.json").json()
    text = str(description)
    missing = {
        name
        for name in re.findall(r"#/components/schemas/([\w-]+)", text)
        if name not in description["components"]["schemas"]
    }
    assert missing == set()
    assert "HTTPValidationError" not in text
    open_to_all = {"/healthz", "/api/v1/openapi.json", "/api/v1/devices/enrol"}
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], path
            assert operation["description"], path
            public = path in open_to_all or (method, path) in {
                ("post", "/api/v1/session"),
                ("options", "/api/v1/evidence"),
            }
            assert bool(operation.get("security")) is not public, f"{method} {path}"
            if not public and path != "/metrics":
                assert "401" in operation["responses"], f"{method} {path}"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/nothing", (404, "not-found")),
        ("DELETE", "/api/v1/cases", (405, "method-not-allowed")),
        ("GET", "/static/../../etc/passwd", (404, "not-found")),
        ("GET", "/static/%2e%2e/%2e%2e/kerbwatch.py", (404, "not-found")),
    ],
)
def test_unknown_addresses_are_problems_in_both_languages(
    running: Running, method: str, path: str, expected: tuple[int, str]
) -> None:
    with httpx.Client(base_url=running.url, trust_env=False) as client:
        answer = client.request(method, path)
    assert problem(answer) == expected
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "·" in answer.json()["title"] or expected[0] == 405


def test_huge_json_is_413_before_it_is_read(running: Running) -> None:
    body = b'{"name": "' + b"a" * 200_000 + b'"}'
    answer = running.client().post("/api/v1/session", content=body, headers={"Content-Type": "application/json"})
    assert problem(answer)[0] == 413
