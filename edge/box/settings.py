"""The box's own configuration, `box.yaml`: small models, one for each concern, units in the names.

Nothing here is a secret: a camera's user and password stand in a file of their own that only the box may read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from detector.errors import InputError

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0, le=2**50)]


def _usable(path: Path) -> Path:
    if not str(path).isprintable():
        raise ValueError("holds a character that no path may have: write it anew")
    if len(os.fsencode(path)) > _PATH_MAX_BYTES or any(len(os.fsencode(part)) > _NAME_MAX_BYTES for part in path.parts):
        raise ValueError(f"is too long for a path: {_PATH_MAX_BYTES} bytes at most, {_NAME_MAX_BYTES} for each name")
    return path


_PATH_MAX_BYTES: Final = 2048
_NAME_MAX_BYTES: Final = 255

FilePath = Annotated[Path, AfterValidator(_usable)]
"""A path that the system takes, whether something is there or not."""

Interface = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:*-]{1,32}$")]
"""Name of a network interface; ``*`` stands for any ending."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LookSettings(_Settings):
    """When a picture is worth a look of the network."""

    by: Literal["every", "distance", "motion", "time"] = "distance"
    """``distance`` for a vehicle, ``motion`` for a camera that stands, ``time`` where neither tells, ``every`` for
    every picture the network can keep up with."""
    every_m: Annotated[float, Field(gt=0, le=100)] = 1.5
    """With ``distance``: a look after so many metres; longer costs less, and things are seen fewer times."""
    every_s: Seconds = 0.5
    """With ``time``, and with ``distance`` while nobody knows how fast the vehicle is."""
    standing_every_s: Seconds = 10.0
    """With ``distance`` while standing, and with ``motion`` while nothing moves."""
    moving_every_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 0.2
    """With ``motion`` while something moves; 0 takes every picture."""


class CameraSettings(_Settings):
    """One camera that is watched."""

    camera_id: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,120}$")]
    """As in the site's cameras.yaml."""
    address: Annotated[str, Field(min_length=1, max_length=2000)]
    """``rtsp://host:port/path`` or ``/dev/video0``; never with a user or password."""
    credentials_file: FilePath | None = None
    """One line ``user:password``, readable by the box's user alone."""
    look: LookSettings = LookSettings()
    clip_ring_bytes: Annotated[int, Field(ge=0, le=2**30)] = 24 * 1024**2
    """Packets kept in memory for clips; 0 makes no clips."""
    stall_s: Seconds = 4.0
    """Without a picture for so long the decoder is killed and the camera opened anew."""

    @field_validator("address")
    @classmethod
    def _no_credentials(cls, value: str) -> str:
        if "://" in value and "@" in value.split("://", 1)[1].split("/", 1)[0]:
            raise ValueError("address holds a user or password: move it to credentials_file")
        return value


class GnssSettings(_Settings):
    """The receiver: a serial device or gpsd."""

    serial: FilePath | None = None
    baud: Annotated[int, Field(ge=1200, le=921_600)] = 9600
    gpsd: Annotated[str, Field(max_length=200)] | None = None
    """``host:port``, usually ``127.0.0.1:2947``."""

    @model_validator(mode="after")
    def _one(self) -> GnssSettings:
        if (self.serial is None) == (self.gpsd is None):
            raise ValueError("give serial or gpsd, one of them")
        return self


class UplinkSettings(_Settings):
    """The way to the server."""

    server: Annotated[str, Field(max_length=2000)]
    heartbeat_s: Seconds = 60.0
    budget_bytes_per_day: Bytes | None = None
    """On a metered link; `None` sets none. A day begins at midnight of the site's time zone."""
    budget_for_reports_bytes: Bytes = 4 * 1024**2
    """Of the budget, kept for report JSON and heartbeats: stills leave it alone."""
    metered: Literal["yes", "no", "auto"] = "auto"
    """``auto``: metered unless the way to the server goes out through one of `unmetered_interfaces`."""
    unmetered_interfaces: tuple[Interface, ...] = ("eth*", "en*", "wl*", "lo")
    metered_sends: Literal["reports", "stills", "clips"] = "stills"
    """The heaviest thing a metered link may carry; the rest waits for Wi-Fi."""


class EvidenceSettings(_Settings):
    """Originals and room."""

    originals: bool = True
    """Keep the unblurred original of every report, encrypted."""
    originals_days: Annotated[int, Field(ge=1, le=3650)] = 15
    """Unconfirmed originals are deleted after so many days."""
    originals_key_file: FilePath | None = None
    """Where their master keys lie; `None` is `vault/vault.key` in the state folder. A file in a tmpfs, or one that the
    TPM unseals at boot, also protects them from somebody who takes the whole box."""
    release: Literal["never", "on_request"] = "never"
    """Whether an original may leave the box when a person at the server asks for it, with a reason."""
    clip_before_s: Annotated[float, Field(ge=0, le=60)] = 5.0
    clip_after_s: Annotated[float, Field(ge=0, le=60)] = 5.0
    outbox_bytes_max: Bytes = 8 * 1024**3
    originals_bytes_max: Bytes = 16 * 1024**3
    disk_reserve_bytes: Bytes = 512 * 1024**2


class PageSettings(_Settings):
    """The rider's page and the keeper's metrics, served by the box itself."""

    host: Annotated[str, Field(max_length=200)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8787
    """0 takes a free one."""
    moving_above_m_s: Annotated[float, Field(gt=0, le=50)] = 1.4
    """Faster than this the page shows nothing to press: the rider rides."""
    names: Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}$")], ...], Field(max_length=16)] = ()
    """Host names the page is reached by, beside its addresses and ``localhost``; others are refused."""
    metrics_token_file: FilePath | None = None
    """A token that a collector on another machine sends; without one, metrics are for this machine only."""


class FleetSettings(_Settings):
    """Fleet packs from the server."""

    follow: bool = False
    """Take the packs that the server offers; the model and site named here are then only the first ones."""
    over_metered: bool = False
    """Fetch them also over a link that is paid for by the byte, within the day's budget; else they wait for Wi-Fi."""
    probation_s: Seconds = 600.0
    """A new pack that crashes, slows down or sees nothing on its golden pictures within this time is rolled back."""


class BoxSettings(_Settings):
    """Everything `kerbwatch box run` is told."""

    state: FilePath
    """Folder of key, outbox, originals and packs; only the box's user may read it."""
    site: FilePath
    model: FilePath | None = None
    """Model bundle; `None` takes the one that Kerbwatch ships."""
    trust: tuple[FilePath, ...] = ()
    """Public keys of further signers of bundles and packs."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Processor threads of the network."""
    backend: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")] = "onnxruntime"
    """What runs the network; ``auto`` takes the fastest that agrees with the golden output (docs/backends.md)."""
    face_model: FilePath | None = None
    plate_model: FilePath | None = None
    cameras: Annotated[tuple[CameraSettings, ...], Field(min_length=1, max_length=8)]
    gnss: GnssSettings | None = None
    uplink: UplinkSettings | None = None
    evidence: EvidenceSettings = EvidenceSettings()
    page: PageSettings | None = PageSettings()
    fleet: FleetSettings = FleetSettings()

    @model_validator(mode="after")
    def _distinct(self) -> BoxSettings:
        ids = [camera.camera_id for camera in self.cameras]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"camera_id {twice[0]!r} is given twice: give each camera of the box its own")
        if self.fleet.follow and self.uplink is None:
            raise ValueError("fleet.follow needs an uplink: packs come from the server")
        return self


def load_settings(path: Path) -> BoxSettings:
    """Read `box.yaml`; relative paths in it are meant from its own folder.

    Raises:
        InputError: not there, no YAML, or something in it is wrong; names the field and what is wrong with it.
    """
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, a 13th month, a huge number
        raise InputError(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path} holds no settings: see docs/box.md for an example")
    try:
        settings = BoxSettings.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise InputError(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}{more}") from None
    return _absolute(settings, path.absolute().parent)


def _absolute(settings: BoxSettings, base: Path) -> BoxSettings:
    def at(path: Path | None) -> Path | None:
        return None if path is None else base / path

    cameras = tuple(c.model_copy(update={"credentials_file": at(c.credentials_file)}) for c in settings.cameras)
    page, evidence = settings.page, settings.evidence
    return settings.model_copy(
        update={
            "state": at(settings.state),
            "site": at(settings.site),
            "model": at(settings.model),
            "face_model": at(settings.face_model),
            "plate_model": at(settings.plate_model),
            "trust": tuple(base / path for path in settings.trust),
            "page": page and page.model_copy(update={"metrics_token_file": at(page.metrics_token_file)}),
            "evidence": evidence.model_copy(update={"originals_key_file": at(evidence.originals_key_file)}),
            "cameras": cameras,
        }
    )
