"""Reviewers signing in and out. Passwords are kept as Argon2 hashes, session tokens as SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from detector.vocabulary import Text
from server.db.tables import Reviewer, ReviewerSession
from server.errors import Unauthorised
from server.security.tokens import derived, fingerprint, new_token

_PASSWORDS = PasswordHash((Argon2Hasher(),))
_MAX_PASSWORD_CHARS = 1024


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A reviewer with a valid session. `csrf_token` must come with every request of his that changes something."""

    reviewer_id: int
    name: str
    csrf_token: str


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just begun; `token` goes into the cookie and is kept nowhere."""

    token: str
    expires_at: datetime
    signed_in: SignedIn


def add_reviewer(session: Session, name: str, password: str, *, now: datetime) -> Reviewer:
    """A new reviewer account."""
    reviewer = Reviewer(name=name, password_hash=_PASSWORDS.hash(password), created_at=now)
    session.add(reviewer)
    session.flush()
    return reviewer


def check_password(session: Session, name: str, password: str) -> Reviewer:
    """Who has this name and password. Slow on purpose: never ask inside a write transaction, it stops every device.

    Raises:
        Unauthorised: wrong name or password; which one is not told, and both take the same time.
    """
    reviewer = session.scalar(select(Reviewer).where(Reviewer.name == name))
    known = _PASSWORDS.verify(password[:_MAX_PASSWORD_CHARS], reviewer.password_hash if reviewer else _no_password())
    if reviewer is None or not known:
        raise Unauthorised(
            "name or password is wrong", slug="wrong-password", title=Text("用户名或密码错误", "Wrong name or password")
        )
    return reviewer


def begin(session: Session, reviewer: Reviewer, *, now: datetime, life: timedelta) -> NewSession:
    """A session for a reviewer who has shown who he is; sessions that have ended are cleared away."""
    session.execute(delete(ReviewerSession).where(ReviewerSession.expires_at < now))
    token = new_token()
    session.add(
        ReviewerSession(token_sha256=fingerprint(token), reviewer_id=reviewer.id, created_at=now, expires_at=now + life)
    )
    return NewSession(token, now + life, _signed_in(reviewer, token))


def find(session: Session, token: str, *, now: datetime) -> SignedIn | None:
    """Who holds this session token; `None` when nobody does or the session has ended."""
    row = session.get(ReviewerSession, fingerprint(token))
    if row is None or row.expires_at <= now:
        return None
    return _signed_in(row.reviewer, token)


def sign_out(session: Session, token: str) -> None:
    """Ends the session."""
    session.execute(delete(ReviewerSession).where(ReviewerSession.token_sha256 == fingerprint(token)))


def _signed_in(reviewer: Reviewer, token: str) -> SignedIn:
    return SignedIn(reviewer.id, reviewer.name, derived(token, "csrf"))


@cache
def _no_password() -> str:
    return _PASSWORDS.hash(new_token())
