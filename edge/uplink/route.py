"""Through which interface the way to the server goes, so that a link that is paid for by the byte is known.

The kernel is asked which address it would speak from (a UDP socket that is connected sends nothing), and its routing
table which interface that way takes. A captive portal changes neither: it is found out by its answers, which are no
Kerbwatch server's.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edge.box.settings import UplinkSettings

_V4_TABLE: Final = Path("/proc/net/route")
_V6_TABLE: Final = Path("/proc/net/ipv6_route")
_UP: Final = 0x1
_REJECT: Final = 0x200

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class _Route:
    to: _Network
    interface: str
    metric: int


def interface_to(server_url: str, *, v4_table: Path = _V4_TABLE, v6_table: Path = _V6_TABLE) -> str | None:
    """Name of the interface that the way to a server goes out through; `None` when there is no way now.

    May wait for the name to be resolved, as long as the system's resolver does.
    """
    parts = urlsplit(server_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    for address in _reachable(parts.hostname or "", port):
        if address.is_loopback:
            return "lo"
        table = v4_table if address.version == 4 else v6_table
        fitting = [route for route in _routes(table) if address in route.to]
        if fitting:
            return max(fitting, key=lambda route: (route.to.prefixlen, -route.metric)).interface
    return None


def is_metered(settings: UplinkSettings, interface: str | None) -> bool:
    """Whether the link through this interface is paid for by the byte; one that is not known is."""
    if settings.metered != "auto":
        return settings.metered == "yes"
    return interface is None or not any(fnmatchcase(interface, name) for name in settings.unmetered_interfaces)


def _reachable(host: str, port: int) -> Iterator[_Address]:
    """The server's addresses that there is a route to, in the order in which they are tried."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):  # no such name; no network; a label that is too long
        return
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.connect(address)
        except OSError:
            continue
        yield ipaddress.ip_address(str(address[0]).partition("%")[0])


def _routes(table: Path) -> Iterator[_Route]:
    try:
        lines = table.read_text("ascii").splitlines()
    except OSError:
        return
    parse = _v6_route if table.name == "ipv6_route" else _v4_route
    for line in lines:
        route = parse(line.split())
        if route is not None:
            yield route


def _v4_route(fields: list[str]) -> _Route | None:
    """A line of /proc/net/route: addresses are hexadecimal in the machine's byte order, here little-endian."""
    if len(fields) < 8 or fields[0] == "Iface":
        return None
    if not int(fields[3], 16) & _UP or int(fields[3], 16) & _REJECT:
        return None
    to, mask = (ipaddress.IPv4Address(bytes.fromhex(fields[at])[::-1]) for at in (1, 7))
    return _Route(ipaddress.IPv4Network((int(to) & int(mask), str(mask))), fields[0], int(fields[6]))


def _v6_route(fields: list[str]) -> _Route | None:
    """A line of /proc/net/ipv6_route: network byte order, prefix length and metric in hexadecimal."""
    if len(fields) < 10:
        return None
    if not int(fields[8], 16) & _UP or int(fields[8], 16) & _REJECT:
        return None
    to = ipaddress.IPv6Address(bytes.fromhex(fields[0]))
    return _Route(ipaddress.IPv6Network((int(to), int(fields[1], 16))), fields[9], int(fields[5], 16))
