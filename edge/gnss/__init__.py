"""Where the vehicle was: GNSS logs read into a track that can be asked for any moment.

The rule of this package: no invented positions. Between two good fixes close in time the track interpolates; in gaps,
before the first, after the last and across steps it answers `None`.

::

    track = read_log(Path("drive.nmea")).shifted(0.4)
    fix = track.at(frame.captured_at)
"""

from __future__ import annotations

from edge.gnss.era import GNSS_ERA
from edge.gnss.gpsd import GpsdAddress, read_gpsd
from edge.gnss.log import read_log
from edge.gnss.nmea import SYNTHETIC_COMMENT, read_nmea
from edge.gnss.track import FixTrack, LogCounts, check_overlap

__all__ = [
    "GNSS_ERA",
    "SYNTHETIC_COMMENT",
    "FixTrack",
    "GpsdAddress",
    "LogCounts",
    "check_overlap",
    "read_gpsd",
    "read_log",
    "read_nmea",
]
