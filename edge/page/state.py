"""What the page says, as the JSON it draws: lights, what is seen, reports, alarms. Words are in both languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from detector.evidence.privacy import PERSON
from detector.vocabulary import Kind, Text, vocabulary
from edge.box.health import Alarm, BoxHealth, CameraHealth
from edge.page.feed import LastLook, ReportLine
from edge.page.notes import Note
from edge.sources.live.picture import CameraState

Level = Literal["ok", "warn", "bad", "off"]

_OUTCOMES: Final = {"violation": Text("违规", "violation"), "unsure": Text("待核", "to check")}
_LATE_S = 600.0
_LOW_SHARE = 0.05


def words(text: Text) -> dict[str, str]:
    """A text as JSON."""
    return {"zh": text.zh, "en": text.en}


def light(name: Text, level: Level, says: Text) -> dict[str, Any]:
    """One state light."""
    return {"name": words(name), "level": level, "says": words(says)}


def lights(health: BoxHealth) -> list[dict[str, Any]]:
    """Cameras, receiver, link, disk."""
    return [*(_camera(camera) for camera in health.cameras), _gnss(health), _link(health), _disk(health)]


def alarms(standing: Sequence[Alarm]) -> list[dict[str, Any]]:
    """The alarms that stand, gravest first."""
    return [{"severity": a.severity, "since": a.since.isoformat(), "says": words(a.text)} for a in standing]


def seen(look: LastLook) -> list[dict[str, Any]]:
    """What stands in a picture, by name and number; people are not counted for anybody."""
    cues = vocabulary().cues
    counted = Counter(name for name in look.found.names() if name != PERSON)
    return [{"name": words(cues.get(name, Text(name, name))), "count": count} for name, count in counted.most_common()]


def kinds() -> list[dict[str, Any]]:
    """What a rider may say was missed."""
    return [{"value": kind.value, "name": words(_kind(kind))} for kind in Kind]


def report(line: ReportLine, note: Note | None) -> dict[str, Any]:
    """A report, and whether its people were warned."""
    cues = vocabulary().cues
    return {
        "id": str(line.report_id),
        "at": _iso(line.at),
        "kind": words(_kind(line.kind)),
        "cue": words(cues.get(line.cue, Text(line.cue, line.cue))),
        "outcome": words(_OUTCOMES.get(line.outcome.value, Text(line.outcome.value, line.outcome.value))),
        "sure": line.outcome.value == "violation",
        "percent": round(100 * line.probability),
        "place": list(line.place) if line.place else None,
        "zones": list(line.zone_ids),
        "reasons": [words(reason) for reason in line.reasons],
        "picture": bool(line.picture),
        "note": pressed(note) if note else None,
    }


def pressed(note: Note) -> dict[str, Any]:
    """A note the rider made."""
    return {"id": str(note.note_id), "said": note.said, "undo_s": round(note.undo_s)}


def _kind(kind: Kind) -> Text:
    return vocabulary().kinds.get(kind.value, Text(kind.value, kind.value))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _camera(camera: CameraHealth) -> dict[str, Any]:
    name = Text(f"摄像头 {camera.camera_id}", f"Camera {camera.camera_id}")
    match camera.status.state:
        case CameraState.LIVE:
            return light(name, "ok", Text("正常", "live"))
        case CameraState.CONNECTING:
            return light(name, "warn", Text("连接中", "connecting"))
        case CameraState.STALLED:
            return light(name, "bad", Text("画面停住", "stands still"))
        case CameraState.AWAY:
            return light(name, "bad", Text("未连接", "away"))


def _gnss(health: BoxHealth) -> dict[str, Any]:
    name, gnss = Text("定位", "GNSS"), health.gnss
    match gnss.state:
        case "fix":
            sigma = f"±{gnss.sigma_m:.0f} m" if gnss.sigma_m is not None else ""
            return light(name, "ok", Text(f"已定位 {sigma}".strip(), f"fix {sigma}".strip()))
        case "no_fix":
            return light(name, "warn", Text("无定位", "no fix"))
        case "silent":
            return light(name, "bad", Text("无数据", "silent"))
        case "off":
            return light(name, "off", Text("未安装", "none"))


def _link(health: BoxHealth) -> dict[str, Any]:
    name, link, waiting = Text("网络", "Link"), health.link, health.store.outbox.waiting
    if not link.used:
        return light(name, "off", Text("未设置", "none"))
    if link.refused:
        return light(name, "bad", Text("服务器不认此设备", "refused"))
    if link.contact_age_s is None or link.contact_age_s > _LATE_S:
        return light(name, "warn", Text(f"离线，待传 {waiting}", f"away, {waiting} wait"))
    return light(name, "ok", Text(f"在线，待传 {waiting}", f"on, {waiting} wait"))


def _disk(health: BoxHealth) -> dict[str, Any]:
    name, store = Text("磁盘", "Disk"), health.store
    free = f"{store.disk_free_bytes / 1024**3:.1f} GB"
    if store.trouble or any(alarm.code == "disk_full" for alarm in health.alarms):
        return light(name, "bad", Text(f"已满，剩 {free}", f"full, {free} left"))
    low = store.disk_free_bytes < _LOW_SHARE * max(1, store.disk_bytes)
    return light(name, "warn" if low else "ok", Text(f"剩 {free}", f"{free} free"))
