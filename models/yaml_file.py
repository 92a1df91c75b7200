"""YAML files that people write, read without trusting them: dates that do not exist, depth, and values that unfold."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any, Final

import yaml

YAML_FAULTS: Final = (OSError, ValueError, RecursionError, yaml.YAMLError)
"""What reading a YAML file raises: ``2026-02-30`` and a number of 5,000 digits end in a bare ValueError."""

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, 100, 100


def read_yaml(path: Path) -> Any:
    """The content of a UTF-8 file.

    Raises:
        OSError, ValueError, RecursionError, yaml.YAMLError: it cannot be read (`YAML_FAULTS`).
    """
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def shown(value: object) -> str:
    """A value for a message, short: a few lines of YAML references can stand for gigabytes of text.

    >>> shown([1, [2, [3]]])
    '[1, [2, [...]]]'
    """
    return _SHORT.repr(value)
