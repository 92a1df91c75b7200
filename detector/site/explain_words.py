"""What an explanation says, in Chinese and English, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from detector.geo.schedule import Standing
from detector.rules.law_map import Role
from detector.site.explain import Answer, Change, Explanation, ZoneSays
from detector.site.states import NO_PERMIT, STANDINGS, clock, why_words
from detector.vocabulary import Outcome, Text, vocabulary

OUTCOMES: dict[Outcome | None, Text] = {
    Outcome.ALLOWED: Text("允许", "allowed"),
    Outcome.VIOLATION: Text("不允许", "forbidden"),
    Outcome.UNSURE: Text("请人工判断", "for a person to decide"),
    None: Text("规则不涉及", "no rule has a word here"),
}
_LATER = {
    Outcome.ALLOWED: Text("允许", "allowed"),
    Outcome.VIOLATION: Text("不允许", "forbidden"),
    Outcome.UNSURE: Text("由人工判断", "for a person to decide"),
    None: Text("规则不涉及", "without a rule"),
}
_ROLES = {
    Role.GRANTS: Text("允许", "permits"),
    Role.LAPSED: Text("此时不允许", "does not permit now"),
    Role.FORBIDS: Text("禁止", "forbids"),
    Role.PRIVATE: Text("不记录", "nothing is recorded"),
    Role.NONE: Text("此时不起作用", "has no effect now"),
}


def forecast(answer: Answer, now: datetime) -> Text:
    """Until when the answer holds, and what comes then."""
    if not answer.changes:
        return Text("一年内不变", "no change within a year")
    first = answer.changes[0]
    at = clock(first.at, now)
    later, then = OUTCOMES[answer.outcome], _LATER[first.outcome]
    zh, en = f"{at}前{later.zh}，之后{then.zh}", f"{later.en} until {at}, then {then.en}"
    if len(answer.changes) > 1:
        end = clock(answer.changes[1].at, now)
        zh, en = f"{zh}（至{end}）", f"{en} (until {end})"
    return Text(zh, en)


def zone_now(says: ZoneSays, now: datetime) -> Text:
    """What a zone does now, why, and until when."""
    role = _ROLES[says.role]
    why = why_words(says.zone.validity, says.standing, now)
    if says.role is Role.LAPSED and says.standing is Standing.OPEN:
        why = NO_PERMIT
    zh, en = f"{role.zh}：{why.zh}", f"{role.en}: {why.en}"
    if says.until is not None:
        until = clock(says.until, now)
        zh, en = f"{zh}，至{until}", f"{en}, until {until}"
    return Text(zh, en)


def permit_now(standing: Standing, permit_id: str) -> Text:
    """Whether a permit is in force."""
    word = STANDINGS[standing]
    return Text(f"许可证{permit_id}：{word.zh}", f"permit {permit_id}: {word.en}")


def as_json(told: Explanation) -> dict[str, Any]:
    """The explanation as plain data; times carry their offset, texts are ``{zh, en}``."""
    return {
        "kind": told.kind.value,
        "lon_deg": told.lon_deg,
        "lat_deg": told.lat_deg,
        "at": told.at.isoformat(),
        "answers": [_answer_json(answer) for answer in told.answers],
        "zones": [_zone_json(says, told.at) for says in told.zones],
        "nearest": _near_json(told, only_open=False),
        "nearest_open": _near_json(told, only_open=True),
    }


def _answer_json(answer: Answer) -> dict[str, Any]:
    hit = answer.hit
    return {
        "sigma_m": answer.sigma_m,
        "outcome": answer.outcome.value if answer.outcome else None,
        "p_violation": round(hit.probability, 4) if hit else None,
        "look_alike": hit.look_alike if hit else None,
        "reasons": [{"code": reason.code, **_text(reason.text)} for reason in hit.reasons] if hit else [],
        "zone_ids": list(hit.zone_ids) if hit else [],
        "changes": _changes_json(answer.changes),
    }


def _changes_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [{"at": each.at.isoformat(), "outcome": each.outcome.value if each.outcome else None} for each in changes]


def _zone_json(says: ZoneSays, now: datetime) -> dict[str, Any]:
    zone = says.zone
    return {
        "id": zone.zone_id,
        "kind": zone.kind.value,
        "name": _text(zone.name),
        "role": says.role.name.lower(),
        "standing": says.standing.value,
        "until": says.until.isoformat() if says.until else None,
        "says": _text(zone_now(says, now)),
        "share": round(says.share, 3),
        "owner": zone.owner,
        "goods": _text(zone.goods) if zone.goods else None,
        "capacity": zone.capacity,
        "permits": [{"id": each.permit.permit_id, "standing": each.standing.value} for each in says.permits],
    }


def _near_json(told: Explanation, *, only_open: bool) -> dict[str, Any] | None:
    near = told.nearest_open if only_open else told.nearest
    return {"id": near.zone.zone_id, "distance_m": round(near.distance_m, 2)} if near else None


def _text(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}


def kind_names() -> str:
    """The kinds as a person types them, with their names."""
    return ", ".join(f"{name} ({text.both()})" for name, text in vocabulary().kinds.items())
