"""Where a live receiver's words come from: a serial device, or a gpsd. A wire that breaks says why in one line."""

from __future__ import annotations

import errno
import socket
import termios
from pathlib import Path
from typing import Final, Protocol

import serial

from detector.errors import TransientError
from edge.gnss.gpsd import WATCH, GpsdAddress, GpsdReader
from edge.gnss.nmea import NmeaReader
from edge.gnss.reader import Reader

TICK_S: Final = 0.1
"""Longest wait of one `read`: so soon a quiet wire is noticed, and a receiver closes."""
_READ_MAX_BYTES: Final = 4096
_CONNECT_S: Final = 2.0
_NOISE_BYTES: Final = 200
"""So many bytes without one sentence are no NMEA."""

_NOT_OPEN: Final[dict[int | None, str]] = {
    errno.ENOENT: "is not there: is the receiver plugged in? (未插入定位模块)",
    errno.ENXIO: "is not there: is the receiver plugged in? (未插入定位模块)",
    errno.ENODEV: "is not there: is the receiver plugged in? (未插入定位模块)",
    errno.EACCES: "may not be opened: add the box's user to the device's group, often dialout (无权限打开串口)",
    errno.EPERM: "may not be opened: add the box's user to the device's group, often dialout (无权限打开串口)",
    errno.EAGAIN: "is held by another program, perhaps gpsd: give gnss.gpsd instead, or stop it (串口被占用)",
    errno.EBUSY: "is held by another program, perhaps gpsd: give gnss.gpsd instead, or stop it (串口被占用)",
}


class Wire(Protocol):
    """An open line to a receiver.

    Attributes:
        reader: a fresh one, for the words of this line.
    """

    reader: Reader

    def read(self) -> bytes:
        """What has come, waiting up to `TICK_S` for it; empty when nothing has.

        Raises:
            TransientError: the line is broken.
        """
        ...

    def close(self) -> None:
        """Hang up."""
        ...

    def why_wordless(self, got_bytes: int) -> str:
        """What a keeper should look at when `got_bytes` have come, but no word of a receiver."""
        ...


class SerialWire:
    """NMEA from a serial device or USB receiver."""

    def __init__(self, path: Path, baud: int) -> None:
        """Open it.

        Raises:
            TransientError: it cannot be opened now.
        """
        self.reader: Reader = NmeaReader()
        self._name, self._baud = str(path), baud
        try:
            self._port = serial.Serial(self._name, baud, timeout=TICK_S, exclusive=True)
        except (OSError, termios.error, ValueError) as error:  # ValueError: a rate that the device does not have
            raise TransientError(f"{self._name} {_why(error)}") from error

    def read(self) -> bytes:
        """See `Wire.read`."""
        try:
            return self._port.read(min(self._port.in_waiting, _READ_MAX_BYTES) or 1)
        except OSError as error:
            raise TransientError(f"{self._name} went away: is the receiver unplugged? (定位模块已断开)") from error

    def close(self) -> None:
        """See `Wire.close`."""
        self._port.close()

    def why_wordless(self, got_bytes: int) -> str:
        """See `Wire.why_wordless`."""
        if got_bytes < _NOISE_BYTES:
            return f"{self._name} is silent: is the receiver connected to it, and powered? (定位模块无数据)"
        return (
            f"{self._name} gives only noise at {self._baud} baud: set gnss.baud to the receiver's (often 4800, 9600, "
            "38400 or 115200), and let it speak NMEA (波特率不符)"
        )


class GpsdWire:
    """JSON of a gpsd."""

    def __init__(self, address: GpsdAddress) -> None:
        """Connect, and ask for reports.

        Raises:
            TransientError: nobody listens there.
        """
        self._json = GpsdReader()
        self.reader: Reader = self._json
        self._address = address
        try:
            self._socket = socket.create_connection((address.host, address.port), timeout=_CONNECT_S)
        except OSError as error:
            raise TransientError(
                f"{address}: {error.strerror or error}; is gpsd running there? (gpsd 未运行)"
            ) from error
        try:
            self._socket.sendall(WATCH)
            self._socket.settimeout(TICK_S)
        except OSError as error:
            self._socket.close()
            raise TransientError(f"{address} hung up (gpsd 断开)") from error

    def read(self) -> bytes:
        """See `Wire.read`."""
        try:
            got = self._socket.recv(_READ_MAX_BYTES)
        except TimeoutError:
            return b""
        except OSError as error:
            raise TransientError(f"{self._address} hung up (gpsd 断开)") from error
        if not got:
            raise TransientError(f"{self._address} hung up (gpsd 断开)")
        return got

    def close(self) -> None:
        """See `Wire.close`."""
        self._socket.close()

    def why_wordless(self, got_bytes: int) -> str:
        """See `Wire.why_wordless`."""
        if self._json.devices is None:
            return f"{self._address} does not speak as gpsd does: is another program listening there? (不是 gpsd)"
        if self._json.devices == 0:
            return f"{self._address} has no receiver: is it plugged in, and given to gpsd? (gpsd 无定位模块)"
        return f"{self._address} hears nothing from its receiver: is it powered? (定位模块无数据)"


def _why(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return _NOT_OPEN.get(number, f"cannot be opened as a serial device: {error} (无法打开串口)")
