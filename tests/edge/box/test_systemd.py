"""sd_notify over a real datagram socket, and the unit as systemd itself reads it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.errors import InputError
from detector.vocabulary import Text
from edge.box.health import Alarm
from edge.box.settings import BoxSettings
from edge.box.systemd import Systemd
from edge.box.unit import NAME, unit_text
from edge.sources.live.credentials import read_credentials
from edge.sources.live.picture import CameraState
from tests.edge.healthy import BEGIN, camera, healthy


@pytest.fixture(params=["path", "abstract"])
def notify(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The other end of NOTIFY_SOCKET, and its value."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@kerbwatch-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        listening.settimeout(5)
        yield listening, address


def test_says_what_systemd_waits_for(notify: tuple[socket.socket, str]) -> None:
    listening, address = notify
    systemd = Systemd({"NOTIFY_SOCKET": address})
    assert systemd.ready()
    assert listening.recv(4096) == b"READY=1"
    alarm = Alarm("disk_full", "critical", Text("磁盘已满", "The disk is full"), BEGIN)
    assert systemd.beat(healthy(reports=3, cameras=(camera(looks=77), camera(CameraState.AWAY)), alarms=(alarm,)))
    assert listening.recv(4096).decode() == (
        "STATUS=摄像头 cameras 1/2 · 定位 gnss fix · 识别 looks 87 · 报告 reports 3 · 待传 waiting 0 · "
        "告警 alarms disk_full"
    )
    assert listening.recv(4096) == b"WATCHDOG=1"
    # A thread hangs: how it does is told, the watchdog is not fed.
    assert not systemd.beat(healthy(loop_age_s=16.0))
    assert listening.recv(4096).startswith(b"STATUS=")
    assert systemd.stopping()
    assert listening.recv(4096) == b"STOPPING=1"


def test_without_systemd_nothing_happens(tmp_path: Path) -> None:
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        systemd = Systemd(environment)
        assert (systemd.ready(), systemd.beat(healthy()), systemd.stopping()) == (False, False, False)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_whether_systemd_watches(environment: dict[str, str], expected: float | None) -> None:
    assert Systemd(environment).watchdog_s == expected


def settings(state: str = "/var/lib/kerbwatch", site: str = "/etc/kerbwatch/site", **changes: object) -> BoxSettings:
    base: dict[str, object] = {
        "state": state,
        "site": site,
        "cameras": [
            {
                "camera_id": "front",
                "address": "rtsp://10.0.0.5/main",
                "credentials_file": f"/run/credentials/{NAME}/front",
            },
            {"camera_id": "side", "address": "/dev/video0?input_format=mjpeg"},
        ],
        "gnss": {"serial": "/dev/ttyUSB0"},
    }
    return BoxSettings.model_validate(base | changes)


def test_the_unit_opens_what_the_box_needs_and_nothing_else() -> None:
    lines = unit_text(settings(), Path("/etc/kerbwatch/box.yaml"), command=("/usr/bin/env",)).splitlines()
    for line in (
        "Type=notify",
        "WatchdogSec=30",
        "Restart=always",
        "DynamicUser=yes",
        "StateDirectory=kerbwatch",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "DeviceAllow=/dev/video0 rw",
        "DeviceAllow=/dev/ttyUSB0 rw",
        "SupplementaryGroups=video dialout",
        "LoadCredential=front:/etc/kerbwatch/secrets/front",
        "ExecStart=/usr/bin/env box run /etc/kerbwatch/box.yaml",
    ):
        assert line in lines
    assert not [line for line in lines if line.startswith(("User=", "PrivateDevices="))]


def test_a_unit_with_a_user_and_strange_paths() -> None:
    cameras = [{"camera_id": "front", "address": "rtsp://10.0.0.5/main"}]
    made = settings("/data/kerb watch", "/home/kerb/site", cameras=cameras, gnss=None)
    lines = unit_text(made, Path("/etc/100% $mine/box.yaml"), user="kerb", command=("/usr/bin/env",)).splitlines()
    assert "User=kerb" in lines
    assert 'ReadWritePaths="/data/kerb watch"' in lines
    assert "ProtectHome=read-only" in lines
    assert "PrivateDevices=yes" in lines
    assert 'ExecStart=/usr/bin/env box run "/etc/100%% $$mine/box.yaml"' in lines


@pytest.mark.parametrize(
    ("state", "user", "problem"),
    [
        ("/data/box", None, "state /data/box is not below /var/lib: systemd's own user may write nowhere else"),
        ("/var/lib", None, "state /var/lib is not below /var/lib"),
        ("/var/lib/kerb watch", None, "kerb watch: a unit takes only letters, digits"),
        ("/var/lib/box", "Root User", "user 'Root User' is no name of a user"),
    ],
)
def test_what_no_unit_can_hold(state: str, user: str | None, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        unit_text(settings(state), Path("/etc/box.yaml"), user=user)


def test_a_file_name_that_no_unit_can_hold() -> None:
    with pytest.raises(InputError, match=r"new\\nline.yaml' holds characters that no unit takes: rename it"):
        unit_text(settings(), Path("/etc/new\nline.yaml"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("user", [None, "daemon"])
def test_systemd_takes_the_unit(tmp_path: Path, user: str | None) -> None:
    unit = tmp_path / NAME
    unit.write_text(unit_text(settings(), Path("/etc/kerbwatch/box.yaml"), user=user, command=("/usr/bin/env",)))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert [line for line in checked.stderr.splitlines() if NAME in line] == []
    assert checked.returncode == 0
    scored = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=30", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert scored.returncode == 0, scored.stdout  # exposure at most 3.0 of 10


def test_credentials_of_systemd_may_show_its_access_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "front"
    secret.write_text("viewer:let-me-in")
    secret.chmod(0o440)
    with pytest.raises(InputError, match="may be read by others"):
        read_credentials(secret)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_credentials(secret).get_secret_value()
    secret.chmod(0o444)
    with pytest.raises(InputError, match="may be read by others"):
        read_credentials(secret)
