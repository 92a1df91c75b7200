"""A GNSS log of either kind, told apart by its first lines."""

from __future__ import annotations

from pathlib import Path

from detector.errors import SourceError
from edge.gnss.gpsd import looks_like_gpsd, read_gpsd
from edge.gnss.nmea import read_nmea
from edge.gnss.track import FixTrack


def read_log(path: Path, *, max_gap_s: float = 5.0) -> FixTrack:
    """Read an NMEA log, or a recording of gpsd's JSON (``gpspipe -w``).

    Raises:
        SourceError: nothing there, or neither of them.
    """
    if not path.is_file():
        raise SourceError(f"no such GNSS log: {path}")
    reader = read_gpsd if looks_like_gpsd(path) else read_nmea
    return reader(path, max_gap_s=max_gap_s)
