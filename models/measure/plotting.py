"""The one door to matplotlib: no window, no user settings, and a clear word when it is not installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from models.errors import TrainExtraMissing

_DPI = 100
_CHINESE_FONTS = ("Noto Sans CJK SC", "Noto Serif CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "SimHei")


@contextmanager
def figure_file(path: Path, width_px: int, height_px: int) -> Iterator[Any]:
    """An empty ``matplotlib.figure.Figure``, which is written to ``path`` as a PNG when it is filled.

    No date and no version go into the file: the same curves give the same bytes.

    Raises:
        TrainExtraMissing: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise TrainExtraMissing(
            "matplotlib is not installed: curves need the training extra, pip install 'kerbwatch[train]'"
        )
    import matplotlib as mpl
    from matplotlib.figure import Figure

    chinese = chinese_font()
    with mpl.rc_context({"font.family": ["DejaVu Sans", *([chinese] if chinese else [])]}):
        figure = Figure(figsize=(width_px / _DPI, height_px / _DPI), dpi=_DPI, layout="constrained")
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png", metadata={"Software": None})


def label(zh: str, en: str) -> str:
    """Both languages where a Chinese font is installed, else English."""
    return f"{zh} · {en}" if chinese_font() else en


def plain(text: str) -> str:
    """A name from the data, as the installed fonts can draw it."""
    return text if chinese_font() else text.encode("ascii", "backslashreplace").decode()


@cache
def chinese_font() -> str | None:
    """The name of an installed Chinese font, or None."""
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in _CHINESE_FONTS if name in installed), None)
