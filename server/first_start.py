"""The first start of a data folder: one reviewer with a random password, and one enrolment code."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from server.db.tables import Reviewer
from server.errors import SettingsError
from server.security import devices, sessions
from server.security.tokens import new_password
from server.services import Services

REVIEWER = "reviewer"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is told once and kept nowhere in clear."""

    reviewer: str
    password: str
    enrolment_code: str


def has_reviewer(services: Services) -> bool:
    """The first start is over."""
    with services.database.read() as session:
        return bool(session.scalar(select(func.count()).select_from(Reviewer)))


def first_start(services: Services) -> Credentials:
    """Makes the first reviewer and one enrolment code."""
    now = datetime.now(UTC)
    password = new_password()
    with services.database.write() as session:
        sessions.add_reviewer(session, REVIEWER, password, now=now)
        code = devices.mint_code(session, now=now, life=services.settings.enrolment_code_life, created_by=None)
    return Credentials(REVIEWER, password, code.code)


def reserve_file(path: Path) -> int:
    """Creates the file that will take the credentials, readable by this user only.

    Returns:
        Its open descriptor.

    Raises:
        SettingsError: it exists (an old file, or a trap laid by somebody else) or cannot be made.
    """
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise SettingsError(f"first-start file {path} exists already: remove it or name another") from None
    except OSError as error:
        raise SettingsError(f"first-start file {path} cannot be made: {error.strerror}") from error


def write_file(descriptor: int, credentials: Credentials) -> None:
    """Writes the credentials as JSON, durably, and closes the file."""
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(credentials), file)
        file.flush()
        os.fsync(file.fileno())
