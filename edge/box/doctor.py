"""`kerbwatch box doctor`: looks at everything a box needs and says in plain words what is wrong, and what to do.

Each check is small, stands alone and ends within seconds. One that cannot be made says why. Nothing is changed, beyond
a file of a few bytes that measures the disk, and nothing secret is said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from detector.errors import KerbwatchError
from detector.vocabulary import Text
from edge.box.settings import BoxSettings, load_settings


class Level(IntEnum):
    """How a check came out; the worst is the exit code."""

    OK = 0
    WARNING = 1
    BAD = 2


MARKS: Final = {Level.OK: "✓ 正常 ok     ", Level.WARNING: "! 注意 warning", Level.BAD: "✕ 故障 bad    "}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report. `fix`: what to do; `None` when nothing is to be done."""

    check: Text
    level: Level
    says: Text
    fix: Text | None = None

    def text(self) -> str:
        """As printed."""
        line = f"{MARKS[self.level]}  {self.check.zh} {self.check.en}: {self.says.zh} · {self.says.en}"
        return line if self.fix is None else f"{line}\n{' ' * 18}→ {self.fix.zh} · {self.fix.en}"

    def json(self) -> dict[str, Any]:
        """As JSON."""

        def words(text: Text) -> dict[str, str]:
            return {"zh": text.zh, "en": text.en}

        fix = words(self.fix) if self.fix else None
        return {"check": words(self.check), "level": self.level.name.lower(), "says": words(self.says), "fix": fix}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at."""

    name: Text
    look: Callable[[BoxSettings, Path | None], Iterable[Line]]


def said(name: Text, level: Level, zh: str, en: str, fix: Text | None = None) -> Line:
    """A line in few words."""
    return Line(name, level, Text(zh, en), fix)


def examine(
    config: Path, shipped_model: Path | None, checks: Iterable[Check] | None = None, *, allow_files: bool = False
) -> Iterator[Line]:
    """Look at everything, line by line as it is found.

    Args:
        shipped_model: the bundle that is used when the settings name none.
        checks: all by default.
        allow_files: let a recording stand for a camera, for drills.
    """
    name = Text("配置", "settings")
    try:
        settings = load_settings(config)
    except KerbwatchError as error:
        yield said(name, Level.BAD, "配置文件有误", str(error), Text("按提示修改 box.yaml", "mend box.yaml as told"))
        return
    yield said(name, Level.OK, f"{len(settings.cameras)} 个摄像头", f"{len(settings.cameras)} camera(s)")
    if checks is None:
        from edge.box.checkups import checks as all_checks

        checks = all_checks(allow_files=allow_files)
    for check in checks:
        try:
            yield from check.look(settings, shipped_model)
        except (KerbwatchError, OSError) as error:
            # Their own words name the value and the fix; those of the product hold no secret.
            reason = str(error) if isinstance(error, KerbwatchError) else f"{error.filename or ''} {error.strerror}"
            yield said(check.name, Level.BAD, "检查未通过", reason.strip())


def report(lines: Iterable[Line], *, as_json: bool, write: Callable[[str], object]) -> int:
    """Write the lines as they come; the exit code: 0 all well, 1 warnings, 2 something is bad."""
    kept: list[Line] = []
    for line in lines:
        kept.append(line)
        if not as_json:
            write(line.text())
    worst = max((line.level for line in kept), default=Level.OK)
    if as_json:
        body = {"worst": worst.name.lower(), "lines": [line.json() for line in kept]}
        write(json.dumps(body, ensure_ascii=False, indent=1))
    return int(worst)
