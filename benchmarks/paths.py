"""Where the shipped bundle and the real data lie."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUNDLE = ROOT / "models" / "zoo" / "street-n"
SHARED_DATA = Path(os.environ.get("KERBWATCH_SHARED", ROOT.parent / "shared")) / "data"
