"""Does anything answer at a camera's address? Asked before a child is started, which costs far more."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

from edge.sources.live.address import LiveAddress, LiveKind


def unreached(address: LiveAddress, timeout_s: float) -> str:
    """Why nothing answers; "" when something does, whatever it is."""
    match address.kind:
        case LiveKind.RTSP:
            parts = urlsplit(address.url)
            return _knock(parts.hostname or "", parts.port or 0, timeout_s)
        case LiveKind.V4L2:
            return "" if Path(address.url).exists() else "no such device: is the camera plugged in?"
        case LiveKind.FILE:
            return ""


def _knock(host: str, port: int, timeout_s: float) -> str:
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return ""
    except ConnectionRefusedError:
        return "nothing listens at the camera's port"
    except socket.gaierror:
        return "the name of the camera's host is not known"
    except TimeoutError:
        return "the camera's host does not answer"
    except OSError as error:
        return f"the camera's host cannot be reached ({error.strerror})"
