"""Build hook: a wheel without the pages' JavaScript would serve broken pages, so refuse to build one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = Path("server/web/static/vendor")


class RequireVendoredFiles(BuildHookInterface[Any]):
    """Checks that `make web` has run before a wheel is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Refuse a standard wheel without vendored files; editable installs may fetch them later."""
        del build_data
        if version != "editable" and not any((Path(self.root) / VENDOR).glob("*")):
            raise RuntimeError(f"{VENDOR} is empty: run `make web` (python tools/fetch_web.py) before building a wheel")
