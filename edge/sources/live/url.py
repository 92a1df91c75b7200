"""User and password as they stand in a URL. Only the child process ever builds such a URL."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

URL_FORM_MAX: Final = 127
"""FFmpeg's RTSP client keeps no more of ``user:password`` in its URL form, and would cut the rest off silently."""


def url_form(credentials: str) -> str:
    """``user:password`` with everything quoted that means something in a URL."""
    user, _, password = credentials.partition(":")
    return f"{quote(user, safe='')}:{quote(password, safe='')}"
