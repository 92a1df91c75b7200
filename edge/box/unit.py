"""The systemd unit of a box, made from its settings: it may write its state, see its devices, and nothing else."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from detector.errors import InputError
from edge.box.settings import BoxSettings

NAME: Final = "kerbwatch-box.service"
STATE_ROOT: Final = Path("/var/lib")
CREDENTIALS: Final = Path("/run/credentials") / NAME
"""Where systemd puts what ``LoadCredential`` names; a camera's `credentials_file` below it is handed over so."""

SECRETS: Final = Path("/etc/kerbwatch/secrets")
"""Where root keeps those files; nobody else can read them."""

_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,30}\Z")

_HARDENING: Final = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
UMask=0077
ProtectSystem=strict
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM"""


def unit_text(settings: BoxSettings, config: Path, *, user: str | None = None, command: tuple[str, ...] = ()) -> str:
    """The unit file.

    Args:
        settings: of the box; their devices, credentials and state folder decide what the unit opens.
        config: the box.yaml that the service is started with.
        user: to run as; `None` lets systemd make one for the service (``DynamicUser``), which needs the state folder
            below /var/lib.
        command: how Kerbwatch is called; empty for the one that runs now.

    Raises:
        InputError: no such user name, a path systemd cannot take, or a state folder that a made-up user cannot have.
    """
    lines = [
        "[Unit]",
        "Description=Kerbwatch box 街序车载终端",
        "Wants=network-online.target",
        "After=network-online.target gpsd.service time-sync.target",
        "# It is to come back however often it dies.",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        "WatchdogSec=30",
        "Restart=always",
        "RestartSec=3",
        "TimeoutStartSec=180",
        "TimeoutStopSec=30",
        "KillMode=mixed",
        "# A decoder that takes too much is opened anew by the box itself.",
        "OOMPolicy=continue",
        f"ExecStart={' '.join(_quoted(part) for part in (*(command or _this_command()), 'box', 'run', str(config)))}",
        *_who(settings, user),
        *_devices(settings),
        *_credentials(settings),
        "MemoryHigh=640M",
        "MemoryMax=768M",
        "CPUWeight=200",
        f"ProtectHome={'read-only' if _reads_home(settings, config) else 'yes'}",
        *_HARDENING.splitlines(),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def _who(settings: BoxSettings, user: str | None) -> list[str]:
    below = settings.state.is_relative_to(STATE_ROOT) and settings.state != STATE_ROOT
    state = (
        [f"StateDirectory={_word(settings.state.relative_to(STATE_ROOT))}", "StateDirectoryMode=0700"] if below else []
    )
    if user is None:
        if not below:
            raise InputError(
                f"state {settings.state} is not below {STATE_ROOT}: systemd's own user may write nowhere else; "
                f"move it there, or name a user with --user"
            )
        return ["DynamicUser=yes", *state]
    if not _USER.match(user):
        raise InputError(f"user {user!r} is no name of a user: small letters, digits, _ and -")
    return [f"User={user}", *(state or [f"ReadWritePaths={_quoted(str(settings.state))}"])]


def _devices(settings: BoxSettings) -> list[str]:
    # Behind the question mark stand a camera's options.
    cameras = [camera.address.partition("?")[0] for camera in settings.cameras if camera.address.startswith("/dev/")]
    serial = str(settings.gnss.serial) if settings.gnss and settings.gnss.serial else None
    if not cameras and serial is None:
        return ["PrivateDevices=yes"]
    groups = [*(["video"] if cameras else []), *(["dialout"] if serial else [])]
    allowed = [*cameras, *([serial] if serial else [])]
    return [
        "DevicePolicy=closed",
        *(f"DeviceAllow={_quoted(device)} rw" for device in allowed),
        f"SupplementaryGroups={' '.join(groups)}",
    ]


def _credentials(settings: BoxSettings) -> list[str]:
    files = [camera.credentials_file for camera in settings.cameras]
    names = sorted({file.name for file in files if file is not None and file.parent == CREDENTIALS})
    return [f"LoadCredential={_word(Path(name))}:{SECRETS / name}" for name in names]


def _reads_home(settings: BoxSettings, config: Path) -> bool:
    files = [config, settings.site, settings.state, *settings.trust, Path(sys.executable)]
    files += [path for path in (settings.model, settings.face_model, settings.plate_model) if path is not None]
    return any(path.is_relative_to(home) for path in files for home in ("/home", "/root", "/run/user"))


def _this_command() -> tuple[str, ...]:
    script = Path(sys.argv[0]).resolve()
    return (str(script),) if script.suffix != ".py" else (sys.executable, str(script))


def _word(path: Path) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_./-]+", str(path)):
        raise InputError(f"{path}: a unit takes only letters, digits, '.', '_', '-' and '/' here; rename it")
    return str(path)


def _quoted(text: str) -> str:
    """As systemd.syntax(7) and systemd.service(5) read it: no specifier, no variable, spaces kept."""
    if not text.isprintable():
        raise InputError(f"{text!r} holds characters that no unit takes: rename it")
    plain = text.replace("%", "%%").replace("$", "$$")
    if re.fullmatch(r"[A-Za-z0-9_./:@=+,%$-]+", plain):
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
