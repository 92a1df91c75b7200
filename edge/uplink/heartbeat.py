"""What the box says of itself to the server, made from its health, and the server's orders."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from detector.heartbeat import AlarmBeat, CameraBeat, Heartbeat, Orders, OriginalAnswer
from edge.box.health import Alarm, BoxHealth
from edge.wire import Answer, ServerBusy, ServerClient, WrongServer

HEARTBEAT_PATH: Final = "/api/v1/devices/heartbeat"
_JSON: Final = {"Content-Type": "application/json"}
_ALARMS_MAX: Final = 64
_ASKS_MAX: Final = 500
_ANSWERS_MAX: Final = 100
_NAME_MAX: Final = 200
_GRAVEST_FIRST: Final = {"critical": 0, "warning": 1, "notice": 2}


def heartbeat_of(
    health: BoxHealth, asks: Sequence[uuid.UUID], answers: Sequence[OriginalAnswer], now: datetime
) -> Heartbeat:
    """The heartbeat that tells this health; no picture and no position is in it."""
    gravest = sorted(health.alarms, key=lambda alarm: _GRAVEST_FIRST[alarm.severity])
    return Heartbeat(
        sent_at=now,
        time_told_by=health.time_told_by,
        software=_name(health.software),
        pack_version=health.pack_version,
        uptime_s=health.uptime_s,
        cameras=tuple(
            CameraBeat(
                camera_id=camera.camera_id,
                state=camera.status.state.value,
                frame_age_s=camera.status.frame_age_s,
                looks=camera.looks,
                connections=camera.status.connections,
            )
            for camera in health.cameras
        ),
        gnss=health.gnss.state,
        reports_waiting=health.store.outbox.waiting,
        files_waiting=health.store.outbox.files_waiting,
        bytes_waiting=max(0, health.store.outbox.bytes_waiting),
        sent_today_bytes=health.link.sent_today_bytes,
        disk_free_bytes=health.store.disk_free_bytes,
        rss_bytes=health.rss_bytes,
        alarms=tuple(_alarm(alarm) for alarm in gravest[:_ALARMS_MAX]),
        asks_about=tuple(asks)[:_ASKS_MAX],
        originals=tuple(answers)[:_ANSWERS_MAX],
    )


def send_heartbeat(client: ServerClient, body: bytes) -> Orders | None:
    """Send it; gives the server's orders, or `None` from a server that knows no heartbeats yet.

    Raises:
        TransientError, PermanentError: see `edge.wire`.
    """
    answer = client.request("POST", client.url(HEARTBEAT_PATH), headers=_JSON, content=body)
    if answer.status in (404, 405):
        return None
    if answer.status != 200:
        raise WrongServer(f"{client.base_url} did not take the heartbeat: {answer.status}: {answer.words()}")
    return _orders(client, answer)


def _orders(client: ServerClient, answer: Answer) -> Orders:
    try:
        return Orders.model_validate_json(answer.body)
    except ValidationError as error:
        raise ServerBusy(
            f"{client.base_url} answered the heartbeat with what are no orders ({error.error_count()} errors): "
            "is something in between?"
        ) from None


def _alarm(alarm: Alarm) -> AlarmBeat:
    return AlarmBeat(
        code=alarm.code,
        severity=alarm.severity,
        about=alarm.about[:_NAME_MAX],
        zh=_name(alarm.text.zh),
        en=_name(alarm.text.en),
        since=alarm.since,
    )


def _name(text: str) -> str:
    """One line of at most 200 characters."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return line[:_NAME_MAX] or "-"
