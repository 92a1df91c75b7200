"""Which addresses are spoken to, and what an answer's words and waits mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import SecretStr

from detector.errors import InputError, TransientError
from edge.wire import Answer, ServerClient, Timeouts, retry_after_s, server_base


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Kerbwatch.Example.org", "https://kerbwatch.example.org"),
        ("https://kerbwatch.example.org:443/", "https://kerbwatch.example.org"),
        (" https://kerbwatch.example.org:8443/base/ ", "https://kerbwatch.example.org:8443/base"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://127.8.8.8", "http://127.8.8.8"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_has_one_spelling(url: str, expected: str) -> None:
    assert server_base(url) == expected


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://kerbwatch.example.org", "token in clear text: use https://"),
        ("http://10.0.0.5:8000", "token in clear text"),
        ("http://localhost.evil.example", "token in clear text"),
        ("https://user:pass@kerbwatch.example.org", "holds a user or password"),
        ("ftp://kerbwatch.example.org", "is not like https://"),
        ("http://[::1", "^the server address is not well formed: Invalid IPv6 URL$"),
        ("https://me:secret@kerbwatch.example.org:99999", "^the server address is not well formed: Port out of range"),
        ("kerbwatch.example.org", "is not like https://"),
        ("https://", "is not like https://"),
        ("https://kerbwatch.example.org?token=1", "is not like https://"),
        ("https://kerbwatch.example.org:99999", "Port out of range"),
        ("", "is not like https://"),
    ],
)
def test_an_address_that_will_not_do(url: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as failure:
        server_base(url)
    assert "pass" not in str(failure.value).replace("password", "")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/api/v1/evidence/7", "https://kw.example.org/api/v1/evidence/7"),
        ("7", "https://kw.example.org/api/v1/7"),
        ("http://inside.local:9000/api/v1/evidence/7?x=1", "https://kw.example.org/api/v1/evidence/7?x=1"),
        ("//thief.example/api/v1/evidence/7", "https://kw.example.org/api/v1/evidence/7"),
        ("https://kw.example.org@thief.example/a", "https://kw.example.org/a"),
    ],
)
def test_a_location_is_always_on_this_server(location: str, expected: str) -> None:
    with ServerClient("https://kw.example.org", SecretStr("t")) as client:
        assert client.own_url(client.url("/api/v1/evidence"), location) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("12", 12.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("999999", 3600.0),
        ("soon", None),
        ("", None),
        ("1.5", None),
    ],
)
def test_retry_after_in_seconds(value: str | None, expected: float | None) -> None:
    assert retry_after_s(value) == expected


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 80 <= (retry_after_s(later) or 0) <= 90
    assert retry_after_s("Sun, 06 Nov 1994 08:49:37 GMT") == 0.0
    assert retry_after_s("Sun, 06 Nov 1994 08:49:37 -0000") == 0.0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"detail": "the reason"}', "the reason"),
        (b'{"detail": ["no", "text"]}', '{"detail": ["no", "text"]}'),
        (b"<h1>Bad\r\n gateway</h1>", "<h1>Bad gateway</h1>"),
        (b"\x1b[31mred\x00", "[31mred"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", "no explanation given"),
        (b"x" * 1000, "x" * 300),
    ],
)
def test_the_servers_words_are_one_harmless_line(body: bytes, expected: str) -> None:
    assert Answer(500, {}, body).words() == expected


@pytest.mark.parametrize("values", [(0, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_timeouts_must_make_sense(values: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="timeouts must be above 0"):
        Timeouts(*values)


def test_nobody_there() -> None:
    with (
        ServerClient("http://127.0.0.1:9") as client,
        pytest.raises(TransientError, match=r"no answer from http://127\.0\.0\.1:9: .*refused"),
    ):
        client.request("GET", client.url("/healthz"))
