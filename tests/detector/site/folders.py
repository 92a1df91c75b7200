"""Site folders for tests: a copy of the demonstration's, changed in one place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT

GROUND, PERMITTED = "zones/ground.geojson", "zones/permitted.geojson"


def copy_demo_site(target: Path) -> Path:
    """A copy of the demonstration's site in the folder `target`, which must not exist."""
    return Path(shutil.copytree(ROOT / "edge" / "demo_site", target))


def edit_json(path: Path, change: Callable[[Any], None]) -> None:
    """Change a JSON file in place."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    change(raw)
    path.write_text(json.dumps(raw), encoding="utf-8")


def edit_yaml(path: Path, change: Callable[[Any], None]) -> None:
    """Change a YAML file in place."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(raw)
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")


def properties(index: int = 0, **fields: object) -> Callable[[Any], None]:
    """Change some properties of one feature."""
    return lambda raw: raw["features"][index]["properties"].update(fields)
