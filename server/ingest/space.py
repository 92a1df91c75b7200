"""Refuses new data while the disk still has room for people to work."""

from __future__ import annotations

import shutil

from server.errors import NoSpace
from server.services import Services


def require_space(services: Services) -> None:
    """Checks the free disk before anything new is taken.

    Raises:
        NoSpace: less is free than `Limits.reserve_bytes`.
    """
    free_bytes = shutil.disk_usage(services.settings.data).free
    if free_bytes < services.settings.limits.reserve_bytes:
        raise NoSpace(
            f"{free_bytes} bytes are free, {services.settings.limits.reserve_bytes} are kept in reserve: "
            "nothing was stored, send it again later"
        )
