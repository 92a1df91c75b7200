"""The reasons a reviewer can give for rejecting a case, in the two families that training tells apart."""

from __future__ import annotations

from dataclasses import dataclass

from detector.vocabulary import Kind, Text, vocabulary
from server.db.tables import RejectFamily

NOT_THE_OBJECT: dict[str, Text] = {
    "passer_by": vocabulary().look_alikes["passer_by"],
    "shadow_or_reflection": Text("阴影或倒影", "shadow or reflection"),
    "picture_of_it": Text("广告画面中的图像", "only a picture of it"),
    "part_of_building": Text("建筑或固定设施的一部分", "part of a building or fixture"),
    "other_object": Text("其他物体", "another object"),
}
"""The model was wrong: there is no such thing in the box."""

OBJECT_BUT_ALLOWED: dict[str, Text] = {
    name: text for name, text in vocabulary().look_alikes.items() if name not in NOT_THE_OBJECT
}
"""The model was right, and it is permitted: the legal look-alikes of the vocabulary."""

_FIRST: dict[Kind, tuple[str, ...]] = {
    Kind.STREET_STALL: ("permitted_vendor", "vendor_moving_on", "abandoned_stall", "delivery", "moving_vehicle"),
    Kind.OUT_OF_STORE: ("inside_shop", "permitted_vendor", "delivery", "potted_plants"),
    Kind.ILLEGAL_SIGNAGE: ("filed_sign", "public_notice", "inside_shop"),
    Kind.DISORDERLY_BIKE: ("bike_in_bay", "ridden_bike", "moving_vehicle", "delivery"),
}
"""What is most often right for a kind, so that it stands on top of the menu; every other reason follows."""

_KEYS = "123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class ReasonChoice:
    """One line of the menu.

    Attributes:
        code: stable, for statistics; stored as the reason of the rejection.
        key: the key that picks it while the menu is open.
    """

    family: RejectFamily
    code: str
    text: Text
    key: str


def menu(kind: str) -> tuple[list[ReasonChoice], list[ReasonChoice]]:
    """The menu for a case of `kind`: not the object, and object but allowed, each with its keys."""
    first = _FIRST.get(Kind(kind), ())
    allowed = sorted(OBJECT_BUT_ALLOWED, key=lambda code: first.index(code) if code in first else len(first))
    families = [(RejectFamily.NOT_THE_OBJECT, code, NOT_THE_OBJECT[code]) for code in NOT_THE_OBJECT]
    families += [(RejectFamily.OBJECT_BUT_ALLOWED, code, OBJECT_BUT_ALLOWED[code]) for code in allowed]
    choices = [ReasonChoice(f, code, text, key) for (f, code, text), key in zip(families, _KEYS, strict=False)]
    return choices[: len(NOT_THE_OBJECT)], choices[len(NOT_THE_OBJECT) :]


def reason_text(code: str | None) -> Text | None:
    """A stored reason in both languages; what is no known code was written by a person and stays as it is."""
    if code is None:
        return None
    return NOT_THE_OBJECT.get(code) or OBJECT_BUT_ALLOWED.get(code) or Text(code, code)
