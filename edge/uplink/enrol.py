"""The one server a device belongs to: let in by a code, known by a token."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from detector.errors import PermanentError
from detector.evidence.seal import DeviceKey
from edge.device import ENROLMENT_FILE, Enrolment, load_enrolment, save_enrolment
from edge.server_clock import ServerClock
from edge.wire import Meter, NotEnrolled, ServerClient, Timeouts, WrongServer, server_base

ENROL_PATH: Final = "/api/v1/devices/enrol"


def enrol(state_dir: Path, server_url: str, code: str, key: DeviceKey, name: str) -> Enrolment:
    """Make this device known to a server, by a code a reviewer gave, and keep the token.

    Raises:
        PermanentError: the code is refused, or the device is enrolled at another server.
        TransientError: no answer, or the server is busy.
        InputError: the address is no good.
    """
    base = server_base(server_url)
    old = load_enrolment(state_dir)
    if old is not None and old.server_url != base:
        raise _elsewhere(state_dir, old, base)
    code = code.strip()
    message = b"kerbwatch-enrol\x1f" + code.encode() + b"\x1f" + name.encode()
    asked = {"code": code, "public_key": key.public_key, "name": name, "signature": key.sign(message).hex()}
    headers = {"Content-Type": "application/json"}
    with ServerClient(base) as client:
        try:
            answer = client.request("POST", client.url(ENROL_PATH), headers=headers, content=json.dumps(asked).encode())
        except NotEnrolled as error:
            raise PermanentError(f"{base} did not take the enrolment code: ask a reviewer for a new one") from error
        if answer.status != 201:
            raise PermanentError(f"{base} did not enrol this device: {answer.status}: {answer.words()}")
        given = answer.json()
    token = given.get("token")
    if given.get("device_id") != key.device_id or not isinstance(token, str) or not token:
        raise WrongServer(f"{base} answered the enrolment for another device, or without a token")
    enrolment = Enrolment(
        server_url=base, device_id=key.device_id, name=name, token=SecretStr(token), enrolled_at=datetime.now(UTC)
    )
    save_enrolment(state_dir, enrolment)
    return enrolment


def connect(
    state_dir: Path,
    server_url: str,
    *,
    timeouts: Timeouts | None = None,
    meter: Meter | None = None,
    clock: ServerClock | None = None,
) -> ServerClient:
    """A client for the server this device is enrolled at, with its token.

    Raises:
        NotEnrolled: the device is enrolled nowhere.
        PermanentError: it is enrolled at another server; both are named.
    """
    base = server_base(server_url)
    enrolment = load_enrolment(state_dir)
    if enrolment is None:
        raise NotEnrolled(f"this device is not enrolled at {base}: give an enrolment code from a reviewer")
    if enrolment.server_url != base:
        raise _elsewhere(state_dir, enrolment, base)
    return ServerClient(base, enrolment.token, timeouts=timeouts, meter=meter, clock=clock)


def _elsewhere(state_dir: Path, enrolment: Enrolment, asked: str) -> PermanentError:
    return PermanentError(
        f"this device is enrolled at {enrolment.server_url}, not at {asked}; its reports go nowhere else. "
        f"To move it, send what waits, delete {state_dir / ENROLMENT_FILE} and enrol it at {asked}"
    )
