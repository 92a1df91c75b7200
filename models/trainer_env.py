"""Loads the trainer library so that it stays at home: no installing, no telemetry, no downloads, no user settings.

ultralytics reads its switches when it is first imported, hence everything that needs it goes through here.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import platformdirs

from models.errors import TrainExtraMissing

_SWITCHES = {
    "YOLO_OFFLINE": "true",  # no connectivity probe, no usage events, no update check
    "YOLO_AUTOINSTALL": "false",  # never pip-install anything behind the user's back
}


def ultralytics() -> Any:
    """The ultralytics package, imported with its network features off.

    Raises:
        TrainExtraMissing: torch or ultralytics is not installed.
    """
    for package in ("torch", "ultralytics"):
        if importlib.util.find_spec(package) is None:
            raise TrainExtraMissing(
                f"{package} is not installed: this command needs the training extra, pip install 'kerbwatch[train]'"
            )
    os.environ.update(_SWITCHES)
    if "YOLO_CONFIG_DIR" not in os.environ:
        os.environ["YOLO_CONFIG_DIR"] = str(_private_config_dir())
    import ultralytics as package

    package.settings.update({"sync": False})
    return package


def set_threads(threads: int) -> None:
    """Give torch and OpenCV one thread budget (both take every core otherwise)."""
    import cv2
    import torch

    torch.set_num_threads(threads)
    cv2.setNumThreads(min(threads, 1))


def _private_config_dir() -> Path:
    """A settings folder of our own, so that the user's ultralytics settings are neither read nor changed."""
    folder = platformdirs.user_cache_path("kerbwatch") / "trainer"
    inner = folder / "Ultralytics"
    inner.mkdir(parents=True, exist_ok=True)
    font = inner / "Arial.ttf"
    if not font.exists():
        # The library downloads this file before every training, even with plots off; matplotlib's font does as well.
        from matplotlib import font_manager

        shutil.copyfile(font_manager.findfont("DejaVu Sans"), font)
    return folder
