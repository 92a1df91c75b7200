"""The words of the product: cues a model sees, kinds the law names, legal look-alikes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, cast

import yaml

CUE_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"
"""A cue is one word: lists of cues in label sets are separated by spaces."""


class Kind(StrEnum):
    """A violation kind: what the law says, not what the model sees."""

    STREET_STALL = "street_stall"
    OUT_OF_STORE = "out_of_store"
    ILLEGAL_SIGNAGE = "illegal_signage"
    DISORDERLY_BIKE = "disorderly_bike"


class Outcome(StrEnum):
    """What the verdict says of one track at one place and time."""

    VIOLATION = "violation"
    ALLOWED = "allowed"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Text:
    """One text in the two languages a reviewer reads."""

    zh: str
    en: str

    def both(self) -> str:
        """Chinese and English on one line, the way pages and reports show it."""
        return f"{self.zh} · {self.en}"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Cues, kinds and look-alikes with their names; `national_codes` is keyed by kind."""

    cues: dict[str, Text]
    kinds: dict[str, Text]
    look_alikes: dict[str, Text]
    national_codes: dict[str, str]


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary shipped in ``vocabulary.yaml``, read once."""
    raw = cast(
        "dict[str, dict[str, dict[str, Any]]]",
        yaml.safe_load(files("detector").joinpath("vocabulary.yaml").read_text(encoding="utf-8")),
    )

    def texts(section: str) -> dict[str, Text]:
        return {name: Text(zh=str(e["zh"]), en=str(e["en"])) for name, e in raw[section].items()}

    codes = {name: str(e["national_code"]) for name, e in raw["kinds"].items()}
    return Vocabulary(texts("cues"), texts("kinds"), texts("look_alikes"), codes)
