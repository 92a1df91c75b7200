"""Signing in, staying in, and not getting in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.db.tables import Reviewer, ReviewerSession
from server.errors import TooMany
from server.security import sessions
from server.security.rate_limit import Allowance, RateLimit
from server.settings import make_settings as checked_settings
from tests.server.harness import Running, make_settings, problem, run


def test_cookie_is_out_of_reach_of_scripts_and_other_sites(running: Running) -> None:
    client = running.client()
    body = {"name": running.credentials.reviewer, "password": running.credentials.password}
    cookie = client.post("/api/v1/session", json=body).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie  # plain http on loopback
    assert client.get("/api/v1/session").json()["name"] == "reviewer"


def test_cookie_is_secure_behind_tls(tmp_path: Path) -> None:
    with run(make_settings(tmp_path / "data", public_url="https://cases.example.org", behind_proxy=True)) as running:
        body = {"name": running.credentials.reviewer, "password": running.credentials.password}
        answer = running.client().post("/api/v1/session", json=body)
        assert "Secure" in answer.headers["Set-Cookie"]
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        # Behind a proxy everybody comes from this machine, so that is no proof any more.
        assert problem(running.client().get("/metrics")) == (403, "forbidden")


def test_signing_out_ends_the_session(running: Running) -> None:
    client = running.reviewer()
    token = client.cookies["kerbwatch_session"]
    assert client.delete("/api/v1/session").status_code == 204
    assert problem(running.client(Cookie=f"kerbwatch_session={token}").get("/api/v1/session"))[0] == 401


def test_session_ends_by_itself(running: Running) -> None:
    client = running.reviewer()
    with running.services.database.write() as session:
        for row in session.query(ReviewerSession):
            row.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert problem(client.get("/api/v1/session")) == (401, "not-signed-in")


@pytest.mark.parametrize("name", ["reviewer", "nobody", "reviewer' --", "\u0000"])
def test_wrong_name_and_wrong_password_look_alike(running: Running, name: str) -> None:
    assert running.credentials.reviewer == "reviewer"
    answer = running.client().post("/api/v1/session", json={"name": name, "password": "wrong"})
    assert problem(answer) == (401, "wrong-password")
    assert answer.json()["detail"] == "name or password is wrong"


def test_guessing_is_slowed_down(running: Running) -> None:
    client = running.client()
    running.services.sign_in_limit.failed(*["127.0.0.1"] * 10)
    body = {"name": running.credentials.reviewer, "password": running.credentials.password}
    answer = client.post("/api/v1/session", json=body)
    assert problem(answer) == (429, "too-many")
    assert 0 < int(answer.headers["Retry-After"]) <= 300


def test_guessing_at_once_is_no_way_around_the_limit(running: Running) -> None:
    assert running.credentials.reviewer == "reviewer"
    limit = running.services.sign_in_limit
    limit.failed(*["127.0.0.1"] * 7)

    def guess(_number: int) -> int:
        body = {"name": "reviewer", "password": "wrong"}
        return httpx.post(f"{running.url}/api/v1/session", json=body, timeout=30, trust_env=False).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(guess, range(8))) == [401] * 3 + [429] * 5


def test_judging_a_password_does_not_hold_up_devices(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    check = sessions.check_password

    def check_while_somebody_writes(session: Session, name: str, password: str) -> Reviewer:
        with running.services.database.write() as writing:
            writing.execute(text("DELETE FROM enrolment_codes WHERE id = -1"))
        return check(session, name, password)

    monkeypatch.setattr(sessions, "check_password", check_while_somebody_writes)
    body = {"name": running.credentials.reviewer, "password": running.credentials.password}
    assert running.client().post("/api/v1/session", json=body).status_code == 201


def test_form_from_another_site_is_refused(running: Running) -> None:
    body = {"name": running.credentials.reviewer, "password": running.credentials.password}
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert problem(running.client().post("/api/v1/session", json=body, headers=headers)) == (403, "csrf")


def test_secrets_are_kept_as_hashes_only(running: Running) -> None:
    credentials, reviewer = running.credentials, running.reviewer()
    _, device = running.device()
    code = reviewer.post("/api/v1/devices/codes").json()["code"]
    with running.services.database.read() as session:
        stored = session.query(Reviewer).one()
        assert stored.password_hash.startswith("$argon2id$")
    token = device.headers["Authorization"].partition(" ")[2]
    secrets = [credentials.password, credentials.enrolment_code, code, token]
    secrets.append(reviewer.cookies["kerbwatch_session"])
    written = b"".join(p.read_bytes() for p in running.services.settings.data.rglob("*") if p.is_file())
    assert [secret for secret in secrets if secret.encode() in written] == []


def test_rate_limit_forgets_and_is_bounded() -> None:
    now = [0.0]
    limit = RateLimit(Allowance(failures=2, window_s=10), clock=lambda: now[0], keys_max=3)
    limit.failed("a")
    limit.failed("a")
    with pytest.raises(TooMany, match="too many failed tries") as error:
        limit.check("a")
    assert error.value.retry_after_s == 10
    limit.check("b")
    now[0] = 10.0
    limit.check("a")
    limit.failed("a", "a", "b", "c", "d")
    limit.check("a")  # pushed out by newer keys
    limit.failed("d")
    limit.succeeded("d")
    limit.check("d")


def test_page_sends_a_stranger_to_the_log_in_form(running: Running) -> None:
    with httpx.Client(base_url=running.url, trust_env=False) as browser:
        answer = browser.get("/cases/1", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/cases/1")


def test_settings_of_tls_are_asked_for() -> None:
    assert checked_settings(data=Path("x"), public_url="https://a.example", behind_proxy=True, host="0.0.0.0").https  # noqa: S104
