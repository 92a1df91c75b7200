"""Where a live camera is: an allow-list of schemes, and never a user or password in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from edge.sources.errors import SourceUnreadableError

_DEVICE = re.compile(r"/dev/(?:video\d{1,3}|v4l/by-(?:id|path)/[A-Za-z0-9._:+-]{1,200})")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]")

_DEVICE_OPTIONS: Final = {
    "input_format": re.compile(r"mjpeg|h264|yuyv422|nv12"),
    "video_size": re.compile(r"\d{2,4}x\d{2,4}"),
    "framerate": re.compile(r"\d{1,3}"),
}
_HELP: Final = "give rtsp://host:port/path, rtsps://host:port/path or /dev/video0"


class LiveKind(StrEnum):
    """How a camera is reached."""

    RTSP = "rtsp"
    V4L2 = "v4l2"
    FILE = "file"
    """A recording played as fast as it was taken; for drills and tests."""


@dataclass(frozen=True, slots=True)
class LiveAddress:
    """A camera's address, checked; holds no credentials and may stand in logs.

    Attributes:
        url: what the demuxer opens: ``rtsp://host:554/path``, ``/dev/video0`` or a path.
        options: of the device, e.g. ``("input_format", "mjpeg")``.
        loop: with a file: begin again at its end.
    """

    kind: LiveKind
    url: str
    options: tuple[tuple[str, str], ...] = ()
    loop: bool = False

    def __str__(self) -> str:
        return self.url


def parse_address(address: str, *, allow_files: bool = False) -> LiveAddress:
    """Read a camera's address.

    Args:
        address: ``rtsp://host[:port]/path[?query]``, ``rtsps://...`` or ``/dev/videoN[?input_format=mjpeg
            &video_size=1280x720&framerate=25]``.
        allow_files: also take ``file:///path[?loop]``.

    Raises:
        SourceUnreadableError: anything else. An address that may hold a password is not repeated in the message.
    """
    if _UNSAFE.search(address):
        raise SourceUnreadableError(f"the camera's address holds a blank or control character: {_HELP}")
    scheme, separator, _ = address.partition("://")
    if not separator:
        return _device(address)
    match scheme.lower():
        case "rtsp" | "rtsps":
            return _rtsp(address)
        case "file" if allow_files:
            return _file(address)
        case "file":
            raise SourceUnreadableError(f"file:// is no live camera: {_HELP}")
        case other:
            name = other if other.isalnum() and len(other) <= 16 else "this scheme"
            raise SourceUnreadableError(f"{name}:// is not taken as a camera: {_HELP}")


def _rtsp(address: str) -> LiveAddress:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise SourceUnreadableError(f"the camera's address has a bad host or port: {_HELP}") from None
    _refuse_credentials(parts)
    if not parts.hostname:
        raise SourceUnreadableError(f"the camera's address names no host: {_HELP}")
    if parts.fragment:
        raise SourceUnreadableError("the camera's address has a '#': write it as %23")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = 554 if parts.scheme == "rtsp" else 322
    query = f"?{parts.query}" if parts.query else ""
    return LiveAddress(LiveKind.RTSP, f"{parts.scheme}://{host}:{port or default}{parts.path}{query}")


def _refuse_credentials(parts: SplitResult) -> None:
    # Some cameras take user and password in the query or path; the address goes into logs, so they may not.
    names = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    names |= {piece.partition("=")[0].lower() for piece in re.split(r"[/&;]", parts.path) if "=" in piece}
    if "@" in parts.netloc or names & {"user", "username", "usr", "password", "passwd", "pass", "pwd", "token", "auth"}:
        raise SourceUnreadableError(
            "the camera's address holds a user or password: put user:password into a file that only the box may read "
            "and name it as credentials_file"
        )


def _device(address: str) -> LiveAddress:
    path, _, query = address.partition("?")
    if not _DEVICE.fullmatch(path):
        raise SourceUnreadableError(f"no camera address: {_HELP}")
    options = tuple(parse_qsl(query, keep_blank_values=True))
    for name, value in options:
        allowed = _DEVICE_OPTIONS.get(name)
        if allowed is None or not allowed.fullmatch(value):
            raise SourceUnreadableError(
                f"{path}: option {name[:40]!r} with value {value[:40]!r} is not taken; "
                "give input_format=mjpeg, video_size=1280x720 or framerate=25"
            )
    return LiveAddress(LiveKind.V4L2, path, options)


def _file(address: str) -> LiveAddress:
    path, _, query = address.partition("://")[2].partition("?")
    if query not in ("", "loop"):
        raise SourceUnreadableError(f"file://{path}: the only option is ?loop, not {query[:40]!r}")
    if not path.startswith("/") or not Path(path).is_file():
        raise SourceUnreadableError(f"no such file: {path}; give file:///absolute/path")
    return LiveAddress(LiveKind.FILE, path, loop=query == "loop")
