"""A camera's user and password, read from a file that only the box may read, and kept out of everything else."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from detector.errors import InputError
from edge.sources.live.url import URL_FORM_MAX, url_form

_BYTES_MAX: Final = 1024


def read_credentials(path: Path) -> SecretStr:
    """Read ``user:password`` from a file of one line.

    Raises:
        InputError: not there, readable by others than its owner, or not one line ``user:password``. The message never
            repeats what is in it.
    """
    try:
        # Not blocking: a pipe of that name would be waited for.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(fd).st_mode
            data = os.read(fd, _BYTES_MAX + 1) if stat.S_ISREG(mode) else b""
        finally:
            os.close(fd)
    except OSError as error:
        raise InputError(f"cannot read the camera's credentials {path}: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise InputError(f"the camera's credentials {path} are not a file")
    if mode & (0o037 if _from_systemd(path) else 0o077):
        raise InputError(
            f"the camera's credentials {path} may be read by others (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}"
        )
    return check_credentials(data, str(path))


def _from_systemd(path: Path) -> bool:
    """Handed over by ``LoadCredential``: systemd lets the service in by an access list, whose mask shows in the mode as
    the group's right to read; the folder is closed to everybody else."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and path.parent == Path(folder)


def check_credentials(data: bytes, where: str) -> SecretStr:
    """Check ``user:password`` and pack it away.

    Raises:
        InputError: see `read_credentials`.
    """
    try:
        text = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""
    user, colon, password = text.partition(":")
    if not (user and colon and password) or not text.isprintable() or len(data) > _BYTES_MAX:
        # From nothing: the decoder's error would carry the bytes.
        raise InputError(f"{where} must hold one line user:password")
    if len(url_form(text)) > URL_FORM_MAX:
        raise InputError(
            f"the user and password in {where} are too long: at most {URL_FORM_MAX} characters together, "
            "where each that is no letter or digit counts as 3"
        )
    return SecretStr(text)
