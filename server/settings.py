"""How one service is set up: where its data lies, where it listens, and its limits."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from detector.note import NOTE_MAX_BYTES
from server.errors import SettingsError

MIB = 1024 * 1024


class Limits(BaseModel):
    """How much one client may ask of the service. Each is answered with 413, 429 or 507 when exceeded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    report_bytes: Annotated[int, Field(gt=0)] = 2 * MIB
    """Largest report body. A report of 50 pictures with 100 boxes each is about 1 MiB."""
    heartbeat_bytes: Annotated[int, Field(gt=0)] = 160 * 1024
    """Largest heartbeat of a box: one with every alarm and every question it can have is about 120 KiB."""
    note_bytes: Annotated[int, Field(gt=0)] = NOTE_MAX_BYTES
    """Largest rider's note, with its picture."""
    pack_bytes: Annotated[int, Field(gt=0)] = 256 * MIB
    """Largest fleet pack."""
    json_bytes: Annotated[int, Field(gt=0)] = 64 * 1024
    """Largest body of any other JSON request or form."""
    evidence_bytes: Annotated[int, Field(gt=0)] = 64 * MIB
    """Largest evidence file. A larger one is refused when its report arrives, before anything is sent."""
    picture_px: Annotated[int, Field(gt=0)] = 50_000_000
    """Largest picture that is ever decoded, in pixels: a small file can unfold into gigabytes."""
    uploads_per_device: Annotated[int, Field(gt=0)] = 64
    """Unfinished uploads of one device; more means it forgets what it began."""
    reserve_bytes: Annotated[int, Field(ge=0)] = 256 * MIB
    """Free disk below which nothing new is taken, so that people can still decide cases."""


class Settings(BaseSettings):
    """Settings of one service; each can also come from the environment, e.g. ``KERBWATCH_PORT``."""

    model_config = SettingsConfigDict(
        env_prefix="KERBWATCH_", env_nested_delimiter="__", frozen=True, extra="forbid", cli_parse_args=False
    )

    data: Path
    """Folder of the database, the evidence and the uploads under way; belongs to one service at a time."""
    site: Path | None = None
    """Site folder whose zones the case map shows."""
    pack_signers: Path | None = None
    """Folder of public keys (``*.pub``) that may sign fleet packs; without it no pack is taken."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0 takes any free port."""
    public_url: str | None = None
    """How browsers and devices reach the service, e.g. ``https://cases.example.org``."""
    behind_proxy: bool = False
    """A proxy in front ends TLS and sets X-Forwarded-*: trusted from loopback only."""
    metrics_token: str | None = None
    """Lets a collector that is not on this machine read /metrics."""
    enrolment_code_life: timedelta = timedelta(hours=24)
    session_life: timedelta = timedelta(hours=12)
    upload_life: timedelta = timedelta(days=3)
    """An upload that has not moved for this long is dropped and begun anew."""
    originals_life: timedelta = timedelta(days=30)
    """An unblurred original that was asked for is deleted so long after it came, unless its case is confirmed."""
    limits: Limits = Limits()

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        return self.data / "kerbwatch.sqlite"

    @property
    def base_url(self) -> str:
        """Start of every link the service hands out, without a slash at its end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def https(self) -> bool:
        """Browsers reach it by TLS, so cookies are Secure."""
        return self.base_url.startswith("https://")


def make_settings(**values: object) -> Settings:
    """Checked settings.

    Raises:
        SettingsError: names the setting that is wrong. Refuses to listen beyond this machine in clear text.
    """
    try:
        settings = Settings.model_validate(values) if "data" in values else Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"setting {name}: {first['msg']} (got {first.get('input')!r})") from error
    if settings.public_url is not None and not _is_address(settings.public_url):
        raise SettingsError(f"public_url {settings.public_url!r} is no address: give e.g. https://cases.example.org")
    _refuse_clear_text(settings)
    return settings


def is_loopback(host: str) -> bool:
    """Reaches only this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port  # read here: it is checked only then
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0 and plain


def _refuse_clear_text(settings: Settings) -> None:
    if is_loopback(settings.host):
        return
    if not (settings.behind_proxy and settings.https):
        raise SettingsError(
            f"host {settings.host!r} is reached from other machines, and passwords would travel in clear text: "
            "put a TLS proxy in front and give --behind-proxy and --public-url https://..., or use --host 127.0.0.1"
        )
