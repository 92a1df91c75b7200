"""`kerbwatch serve`: what it refuses to start with, and how the first start tells its secrets."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.app import open_services
from server.cli import listen, lock_folder
from server.errors import SettingsError
from server.first_start import reserve_file
from server.settings import Settings, make_settings
from tests.server.live import ROOT


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"host": "0.0.0.0"}, "passwords would travel in clear text"),  # noqa: S104
        ({"host": "0.0.0.0", "behind_proxy": True}, "passwords would travel in clear text"),  # noqa: S104
        ({"host": "::", "public_url": "https://a.example"}, "passwords would travel in clear text"),
        ({"host": "example.org"}, "passwords would travel in clear text"),
        ({"public_url": "cases.example.org"}, "public_url 'cases.example.org' is no address"),
        ({"public_url": "ftp://a.example"}, "public_url 'ftp://a.example' is no address"),
        ({"public_url": "http://[::1"}, "public_url 'http://[::1' is no address"),
        ({"public_url": "https://a.example:99999"}, "public_url 'https://a.example:99999' is no address"),
        ({"public_url": "https://me:pw@a.example"}, "public_url 'https://me:pw@a.example' is no address"),
        ({"port": 70000}, "setting port: Input should be less than or equal to 65535"),
        ({"limits": {"report_bytes": 0}}, "setting limits.report_bytes: Input should be greater than 0"),
    ],
)
def test_settings_that_are_refused(values: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        make_settings(data=tmp_path, **values)


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"host": "::1", "port": 9}, "http://[::1]:9"),
        ({"public_url": "https://a.example/kerb/"}, "https://a.example/kerb"),
    ],
)
def test_base_url(values: dict[str, Any], url: str, tmp_path: Path) -> None:
    assert make_settings(data=tmp_path, **values).base_url == url


def test_settings_come_from_the_environment_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERBWATCH_LIMITS__PICTURE_PX", "1000")
    monkeypatch.setenv("KERBWATCH_METRICS_TOKEN", "t")
    settings = make_settings(data=tmp_path)
    assert (settings.limits.picture_px, settings.metrics_token) == (1000, "t")


def test_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = f"port {port} on 127.0.0.1 is in use: give another --port"
        with pytest.raises(SettingsError, match=message), listen(Settings(data=tmp_path, port=port)):
            pass


def test_address_of_another_machine(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, host="192.0.2.1", port=0)
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.1:0"), listen(settings):
        pass


def test_folder_belongs_to_one_service(tmp_path: Path) -> None:
    data, in_use = tmp_path / "a", pytest.raises(SettingsError, match="is in use by another service")
    with lock_folder(data), in_use, lock_folder(data):
        pass
    with lock_folder(tmp_path / "a"):
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be used: File exists"), lock_folder(tmp_path / "file" / "x"):
        pass


def _garbage(data: Path) -> None:
    (data / "kerbwatch.sqlite").write_bytes(b"no database at all" * 500)


def _folder_as_database(data: Path) -> None:
    (data / "kerbwatch.sqlite").mkdir()


def _somebody_elses(data: Path) -> None:
    with closing(sqlite3.connect(data / "kerbwatch.sqlite")) as other:
        other.execute("CREATE TABLE reports (x)")


def _file_as_store(data: Path) -> None:
    (data / "evidence").write_text("")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_garbage, r"the database .*kerbwatch\.sqlite cannot be used: file is not a database\. .* another --data"),
        (_folder_as_database, r"kerbwatch\.sqlite cannot be used: unable to open database file"),
        (_somebody_elses, r"kerbwatch\.sqlite cannot be used: table reports already exists"),
        (_file_as_store, r"evidence cannot be used: File exists"),
    ],
)
def test_data_folder_that_is_of_no_use(spoil: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    spoil(tmp_path)
    with pytest.raises(SettingsError, match=message):
        open_services(make_settings(data=tmp_path))


def test_nobody_else_reads_the_database_in_an_open_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    services = open_services(make_settings(data=tmp_path))
    try:
        files = list(tmp_path.glob("kerbwatch.sqlite*"))
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    finally:
        services.database.close()


def test_first_start_file_is_never_one_that_exists(tmp_path: Path) -> None:
    target = tmp_path / "target"
    trap = tmp_path / "trap"
    trap.symlink_to(target)
    for path in (trap, tmp_path):
        with pytest.raises(SettingsError, match=r"first-start file .* exists already"):
            reserve_file(path)
    with pytest.raises(SettingsError, match="cannot be made: No such file"):
        reserve_file(tmp_path / "no" / "x")
    assert not target.exists()


def _serve(folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-m", "kerbwatch", "serve", "--data", str(folder), "--port", "0", *more]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _until_up(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.strip())
        if "http://" in line:
            break
    return lines


def test_credentials_are_printed_at_first_start_only_and_never_logged(tmp_path: Path) -> None:
    first = _serve(tmp_path / "data")
    told = _until_up(first)
    password = next(line for line in told if "password" in line).split()[-1]
    code = next(line for line in told if "enrolment code" in line).split()[-1]
    second = _serve(tmp_path / "data")
    assert second.wait(timeout=30) == 2
    assert "is in use by another service" in second.communicate()[1]
    first.send_signal(signal.SIGTERM)
    _, log = first.communicate(timeout=30)
    assert first.returncode == 0
    assert password not in log
    assert code not in log
    for line in log.splitlines():
        json.loads(line)
    again = _serve(tmp_path / "data")
    assert len(_until_up(again)) == 1
    again.send_signal(signal.SIGTERM)
    again.communicate(timeout=30)
