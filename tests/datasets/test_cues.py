"""Every cue is defined in both languages, with examples and counter-examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detector.vocabulary import vocabulary

PAGE = (Path(__file__).parents[2] / "datasets" / "cues.md").read_text(encoding="utf-8")
CUES = vocabulary().cues


def test_the_page_defines_the_vocabulary_and_nothing_else() -> None:
    assert re.findall(r"^## (\w+):", PAGE, re.MULTILINE) == list(CUES)


@pytest.mark.parametrize("cue", CUES)
def test_a_definition_has_all_its_parts(cue: str) -> None:
    part = re.split(r"^## ", PAGE[PAGE.index(f"\n## {cue}:") + 4 :], flags=re.MULTILINE)[0]
    title, chinese, english = part.splitlines()[:3]
    assert title == f"{cue}: {CUES[cue].zh} · {CUES[cue].en}"
    assert re.search(r"[\u4e00-\u9fff]", chinese)
    assert english.isascii() or "’" in english or "é" in english
    for mark in ("- 是：", "  Yes: ", "- 不是：", "  No: "):
        assert re.search(rf"^{mark}\S.+[.。]$", part, re.MULTILINE), mark
