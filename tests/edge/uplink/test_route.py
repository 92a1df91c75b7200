"""Which interface the way to the server takes, by the kernel's own tables."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

import pytest

from edge.box.settings import UplinkSettings
from edge.uplink.route import interface_to, is_metered

V4 = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wwan0\t00000000\t0101A8C0\t0003\t0\t0\t700\t00000000\t0\t0\t0
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t0000FFFF\t0\t0\t0
eth1\t00000A0A\t00000000\t0000\t0\t0\t100\t0000FFFF\t0\t0\t0
tun0\t00000A0A\t00000000\t0201\t0\t0\t50\t0000FFFF\t0\t0\t0
"""
V6 = "{0} 00 {0} 00 {1} {metric} 00000001 00000000 00000003    {name}\n"


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Path]:
    zero = "0" * 32
    gateway = "fe80" + "0" * 27 + "1"
    (tmp_path / "route").write_text(V4)
    v6 = V6.format(zero, gateway, metric="00000400", name="wwan0") + V6.format(
        zero, gateway, metric="00000100", name="wlan0"
    )
    v6 += f"fd00{'0' * 28} 08 {zero} 00 {zero} 00000100 00000001 00000000 00000001     eth0\nshort line\n"
    (tmp_path / "ipv6_route").write_text(v6)
    return {"v4_table": tmp_path / "route", "v6_table": tmp_path / "ipv6_route"}


@pytest.mark.parametrize(
    ("address", "interface"),
    [
        ("203.0.113.9", "wlan0"),  # two default routes: the lower metric
        ("192.168.7.7", "eth0"),  # the longer prefix
        ("10.10.1.1", "wlan0"),  # one route is down, one rejects
        ("127.0.0.1", "lo"),
        ("2001:db8::1", "wlan0"),
        ("fd00::5", "eth0"),
        ("::1", "lo"),
    ],
)
def test_the_kernels_tables_name_the_interface(
    tables: dict[str, Path], monkeypatch: pytest.MonkeyPatch, address: str, interface: str
) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda _self, _address: None)  # whatever this machine can reach
    host = f"[{address}]" if ":" in address else address
    assert interface_to(f"https://{host}:8443/x", **tables) == interface


def test_without_a_way_there_is_none(tables: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_self: socket.socket, _address: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    assert interface_to("https://203.0.113.9", **tables) is None


def test_a_name_that_is_none_has_no_way() -> None:
    assert interface_to(f"https://{'a' * 70}.invalid") is None


def test_no_tables_no_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda _self, _address: None)
    missing = tmp_path / "none"
    assert interface_to("https://203.0.113.9", v4_table=missing, v6_table=missing) is None


def test_this_machine_reaches_itself() -> None:
    assert interface_to("http://127.0.0.1:8080") == "lo"


@pytest.mark.parametrize(
    ("metered", "interface", "expected"),
    [
        ("yes", "eth0", True),
        ("no", "wwan0", False),
        ("auto", "eth0", False),
        ("auto", "wlp3s0", False),
        ("auto", "wwan0", True),
        ("auto", "usb0", True),
        ("auto", None, True),  # unknown: as dear as it can be
    ],
)
def test_what_is_metered(metered: Literal["yes", "no", "auto"], interface: str | None, expected: bool) -> None:
    settings = UplinkSettings(server="https://a.example", metered=metered)
    assert is_metered(settings, interface) is expected
