"""One HTTP client for the one server a device is enrolled at, and what its answers mean.

::

    TransientError
    ├── LinkError          no answer: unreachable, too slow, cut off
    ├── ServerBusy         408, 423, 425, 429, 5xx, or an answer that makes no sense; carries Retry-After
    └── TooLarge           413
    PermanentError
    ├── NotEnrolled        401, 403: the device must be enrolled (again); nothing is lost
    └── WrongServer        redirects, or answers like no Kerbwatch server

The token goes to that server and nowhere else: no redirect is followed, and of a `Location` only the path is used.
Neither token nor enrolment code is ever part of a URL, an error message or a `repr`.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol
from urllib.parse import urljoin, urlsplit

import httpx
from pydantic import SecretStr

from detector.errors import InputError, PermanentError, TransientError
from edge.server_clock import TIME_HEADER, ServerClock
from edge.wire_bytes import HANDSHAKE_BYTES, answer_bytes, request_bytes

RETRY_AFTER_MAX_S: Final = 3600.0
ANSWER_BYTES_MAX: Final = 64 * 1024
_WORDS_MAX = 300
_BUSY = frozenset({408, 423, 425, 429})


class LinkError(TransientError):
    """No answer came: the server is unreachable, too slow, or the link was cut."""


class ServerBusy(TransientError):
    """The server cannot now; `retry_after_s` is its own word, when it gave one."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooLarge(TransientError):
    """The server, or a proxy before it, takes no request of this size (413)."""


class NotEnrolled(PermanentError):
    """The server does not know this device, or no longer (401, 403)."""


class WrongServer(PermanentError):
    """What answers is no Kerbwatch server, or sends the device elsewhere."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one request may take, seconds: longer bears slow links, shorter finds dead ones sooner.

    Attributes:
        connect_s: to reach the server.
        silence_s: between two bytes in either direction.
        answer_s: for the whole answer once it begins, however slowly it drips.
    """

    connect_s: float = 10.0
    silence_s: float = 30.0
    answer_s: float = 60.0

    def __post_init__(self) -> None:
        if min(self.connect_s, self.silence_s, self.answer_s) <= 0:
            raise InputError(f"timeouts must be above 0 s, got {self}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The JSON object of the body.

        Raises:
            ServerBusy: it is none; something between here and the server spoke in its place.
        """
        try:
            data = httpx.Response(self.status, content=self.body).json()
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise ServerBusy(f"answer {self.status} is not the JSON object expected; is a proxy in between?")
        return data

    def words(self) -> str:
        """The server's own explanation, one short line without control characters."""
        try:
            detail = self.json().get("detail")
        except TransientError:
            detail = None
        text = detail if isinstance(detail, str) else self.body.decode("utf-8", "replace")
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line[:_WORDS_MAX] or "no explanation given"


def server_base(url: str) -> str:
    """The server's address in its one spelling: scheme, host in lower case, port unless default, path.

    Raises:
        InputError: not an http(s) address, holds a user or password, or would send the token in clear text.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        # The address is not repeated: it may hold a password.
        raise InputError(f"the server address is not well formed: {error}") from None
    if parts.username is not None or parts.password is not None:
        raise InputError("the server address holds a user or password: leave it out, the device's token is enough")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InputError(f"server address {url!r} is not like https://kerbwatch.example.org")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise InputError(f"server address {url!r} would send the device's token in clear text: use https://")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}{f':{port}' if port and port != default else ''}{parts.path.rstrip('/')}"


class Meter(Protocol):
    """Counts bytes on the link, before they go out as far as that is known."""

    def spend(self, count: int) -> None:
        """So many bytes more.

        Raises:
            TransientError: they cannot be counted; the request is not sent.
        """
        ...


class ServerClient:
    """Speaks to one server. Not for several threads at once."""

    def __init__(
        self,
        server_url: str,
        token: SecretStr | None = None,
        *,
        timeouts: Timeouts | None = None,
        meter: Meter | None = None,
        clock: ServerClock | None = None,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            meter: told of every byte, see `edge.wire_bytes`.
            clock: told the server's time at each answer.

        Raises:
            InputError: see `server_base`.
        """
        self.base_url = server_base(server_url)
        self._token = token
        self._timeouts = timeouts or Timeouts()
        self._meter = meter
        self._clock = clock
        self.answered_s: float | None = None
        """When the server last answered anything, by `time.monotonic`."""
        silence_s = self._timeouts.silence_s
        self._http = httpx.Client(
            timeout=httpx.Timeout(silence_s, connect=self._timeouts.connect_s),
            follow_redirects=False,
            # A proxy from the environment is right on a company network, and never for this machine itself.
            trust_env=not _is_loopback(urlsplit(self.base_url).hostname or ""),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> ServerClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, path: str) -> str:
        """Absolute URL of a path of this server."""
        return self.base_url + path

    def own_url(self, request_url: str, location: str) -> str:
        """URL a `Location` header names, on this server.

        Only path and query are used: a server behind a proxy may not know how it is reached, and the token must not
        follow a foreign host.
        """
        target = urlsplit(urljoin(request_url, location))
        here = urlsplit(self.base_url)
        # A server below a path of its proxy may not know that path either.
        below = "" if target.path.startswith(f"{here.path}/") else here.path
        query = f"?{target.query}" if target.query else ""
        return f"{here.scheme}://{here.netloc}{below}{target.path}{query}"

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Answer:
        """Send one request and read its answer.

        Args:
            answer_bytes_max: a longer body is no answer of the server's.

        Raises:
            LinkError, ServerBusy, TooLarge, NotEnrolled, WrongServer: see the module's docstring. Every other status
                is the caller's to judge.
        """
        try:
            answer = self._exchange(method, url, dict(headers or {}), content, answer_bytes_max)
        except httpx.TransportError as error:
            raise LinkError(f"no answer from {self.base_url}: {error or type(error).__name__}") from error
        except httpx.HTTPError as error:
            raise ServerBusy(f"unreadable answer from {self.base_url}: {error}") from error
        self._judge(answer)
        return answer

    def _exchange(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None, bytes_max: int
    ) -> Answer:
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        request = self._http.build_request(method, url, headers=headers, content=content)
        connected = 0

        def trace(event: str, _: object) -> None:
            nonlocal connected
            connected += event == "connection.connect_tcp.complete"

        request.extensions["trace"] = trace
        self._spend(request_bytes(request, len(content or b"")))
        begun_s = time.monotonic()
        response = self._http.send(request, stream=True)
        try:
            answered_s = time.monotonic()
            body = self._read(response, bytes_max)
        finally:
            response.close()
            self._spend(answer_bytes(response) + connected * HANDSHAKE_BYTES)
        got = {name.lower(): value for name, value in response.headers.items()}
        self.answered_s = answered_s
        if self._clock is not None:
            self._clock.heard(got.get(TIME_HEADER), begun_s, answered_s)
        return Answer(response.status_code, got, body)

    def _spend(self, count: int) -> None:
        if self._meter is not None:
            self._meter.spend(count)

    def _read(self, response: httpx.Response, bytes_max: int) -> bytes:
        until = time.monotonic() + self._timeouts.answer_s
        body = b""
        for part in response.iter_bytes():
            body += part
            if len(body) > bytes_max:
                raise ServerBusy(f"answer from {self.base_url} is longer than {bytes_max} bytes")
            if time.monotonic() > until:
                raise LinkError(f"answer from {self.base_url} took longer than {self._timeouts.answer_s} s")
        return body

    def _judge(self, answer: Answer) -> None:
        status = answer.status
        if status in (401, 403):
            raise NotEnrolled(
                f"{self.base_url} refuses this device ({status}: {answer.words()}); enrol again with a new code. "
                "Every report is kept here until then"
            )
        if 300 <= status < 400:
            where = urlsplit(answer.headers.get("location", "")).netloc or "another address"
            raise WrongServer(
                f"{self.base_url} sends this device on to {where} ({status}); that is not followed. "
                "Enrol at the address where the server really answers"
            )
        if status == 413:
            raise TooLarge(f"{self.base_url} takes no request of this size (413: {answer.words()})")
        if status in _BUSY or status >= 500:
            raise ServerBusy(
                f"{self.base_url} cannot now ({status}: {answer.words()})",
                retry_after_s(answer.headers.get("retry-after")),
            )


def retry_after_s(value: str | None) -> float | None:
    """Seconds a `Retry-After` header asks for (a number or a date), at most an hour; `None` when it says nothing."""
    if value is None:
        return None
    try:
        seconds = float(int(value))
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_S)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
