"""What people call a coordinate reference system."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from detector.errors import InputError


class Family(StrEnum):
    """Systems that are converted in the same way."""

    WGS84 = "WGS84"
    GCJ02 = "GCJ02"
    BD09 = "BD09"
    CGCS2000 = "CGCS2000"
    """Longitude and latitude. CGCS2000 is ITRF97 at the year 2000: the same as WGS-84 within centimetres then, and the
    plates of eastern China have moved by about 3 cm a year since, 0.8 m by 2026 against coordinates of the day. That
    is less than any single fix knows, so the two are treated as equal."""
    GAUSS_KRUGER = "GAUSS_KRUGER"
    """CGCS2000 in a 3-degree zone: easting, northing in metres."""


@dataclass(frozen=True, slots=True)
class Crs:
    """One coordinate reference system. Build with `parse_crs`, or `gauss_kruger` for a zone.

    Attributes:
        epsg: code in the EPSG registry; `None` for GCJ-02 and BD-09, which it does not list.
        central_meridian_deg: of a Gauss-Kruger zone, else `None`.
        prefixed: the zone number stands before the easting (39 500 000 instead of 500 000).
    """

    family: Family
    epsg: int | None = None
    central_meridian_deg: int | None = None
    prefixed: bool = False

    @property
    def projected(self) -> bool:
        """Whether coordinates are easting, northing in metres instead of longitude, latitude in degrees."""
        return self.family is Family.GAUSS_KRUGER

    @property
    def zone(self) -> int | None:
        """Number of the 3-degree zone."""
        return None if self.central_meridian_deg is None else self.central_meridian_deg // 3

    @property
    def name(self) -> str:
        """How to write it, e.g. after ``--crs``: ``WGS84``, ``GCJ02``, ``EPSG:4548``."""
        return f"EPSG:{self.epsg}" if self.projected else self.family.value

    def __str__(self) -> str:
        if not self.projected:
            return _SHOWN[self.family]
        kind = f"zone {self.zone}" if self.prefixed else f"CM {self.central_meridian_deg}E"
        return f"CGCS2000 / 3-degree Gauss-Kruger {kind} ({self.name})"


_SHOWN = {Family.WGS84: "WGS-84", Family.GCJ02: "GCJ-02", Family.BD09: "BD-09", Family.CGCS2000: "CGCS2000"}

WGS84 = Crs(Family.WGS84, 4326)
GCJ02 = Crs(Family.GCJ02)
BD09 = Crs(Family.BD09)
CGCS2000 = Crs(Family.CGCS2000, 4490)

FIRST_ZONE, LAST_ZONE = 25, 45
"""3-degree zones of China, central meridians 75 to 135 degrees east."""
_FIRST_PREFIXED_EPSG, _FIRST_PLAIN_EPSG = 4513, 4534

TAKEN = (
    "WGS84 (EPSG:4326), GCJ02 (火星坐标: Amap 高德, Tencent 腾讯), BD09 (Baidu 百度), CGCS2000 (EPSG:4490), and its "
    "3-degree Gauss-Kruger zones EPSG:4513 to 4533 (zone number before the easting) and EPSG:4534 to 4554 (without)"
)
"""What a door takes, for messages and help."""


def gauss_kruger(zone: int, *, prefixed: bool) -> Crs:
    """CGCS2000 in the 3-degree zone of a number.

    Raises:
        InputError: China has no such zone.
    """
    if not FIRST_ZONE <= zone <= LAST_ZONE:
        raise InputError(f"there is no 3-degree zone {zone} in China; zones {FIRST_ZONE} to {LAST_ZONE} have central "
                         f"meridians {3 * FIRST_ZONE} to {3 * LAST_ZONE} degrees east")  # fmt: skip
    first = _FIRST_PREFIXED_EPSG if prefixed else _FIRST_PLAIN_EPSG
    return Crs(Family.GAUSS_KRUGER, first + zone - FIRST_ZONE, 3 * zone, prefixed)


_PLAIN: dict[str, Crs] = {
    **dict.fromkeys(("WGS84", "WGS1984", "EPSG4326", "CRS84", "OGCCRS84", "OGC13CRS84", "GCSWGS1984", "GPS"), WGS84),
    **dict.fromkeys(("GCJ02", "GCJ2", "火星坐标", "火星坐标系", "国测局坐标", "高德", "腾讯", "AMAP"), GCJ02),
    **dict.fromkeys(("BD09", "BD09LL", "BD9", "百度", "百度坐标", "百度坐标系", "BAIDU"), BD09),
    **dict.fromkeys(
        ("CGCS2000", "EPSG4490", "国家2000", "国家大地坐标系", "2000国家大地坐标系", "大地2000"),
        CGCS2000,
    ),
}
"""Names without spaces and punctuation."""

_EPSG = re.compile(r"(?:EPSG)(\d{4,6})")
_ZONE = re.compile(r"(?:ZONE|第)?\s*(\d{2})\s*(?:带|$)|ZONE\s*(\d{2})\b")
_MERIDIAN = re.compile(
    r"(?:\bCM|CENTRAL[ _]MERIDIAN|中央经线|中央子午线)[\s:=]*(\d{2,3})|(?<!\d)(\d{2,3})\s*(?:°\s*E?|E\b|度)"
)


def parse_crs(name: str) -> Crs:
    """The system that somebody means by a name.

    Takes the usual spellings, in Chinese too: ``GCJ-02``, ``gcj02``, ``火星坐标``, ``BD09``, ``EPSG:4547``,
    ``urn:ogc:def:crs:EPSG::4490``, ``CGCS2000 3-degree zone 39``, ``CGCS2000 / 3-degree Gauss-Kruger CM 117E``.

    Raises:
        InputError: the name is not known, or names a projection without its zone; the message lists what is taken.
    """
    text = unicodedata.normalize("NFKC", name).strip().upper().removeprefix("URN:OGC:DEF:CRS:")
    plain = re.sub(r"[\s\-_:/().,]+", "", text)
    if plain in _PLAIN:
        return _PLAIN[plain]
    code = _EPSG.fullmatch(plain)
    if code:
        return _by_epsg(int(code[1]), name)
    if "CGCS2000" in plain or "国家2000" in plain or "2000国家" in plain:
        return _zone_named(text, name)
    raise InputError(f"crs {name!r} is not known; taken are {TAKEN}")


def _by_epsg(code: int, name: str) -> Crs:
    count = LAST_ZONE - FIRST_ZONE + 1
    for first, prefixed in ((_FIRST_PREFIXED_EPSG, True), (_FIRST_PLAIN_EPSG, False)):
        if first <= code < first + count:
            return gauss_kruger(FIRST_ZONE + code - first, prefixed=prefixed)
    raise InputError(f"crs {name!r} is not taken; taken are {TAKEN}")


def _zone_named(text: str, name: str) -> Crs:
    """A CGCS2000 projection from its words, upper case, punctuation kept."""
    # The year, the width of the zone and the code in brackets are numbers too, and none of them is the zone.
    rest = re.sub(r"\(?EPSG[:\s]*\d+\)?|3[\s-]*(?:DEGREES?|DEG|度带?|°)", " ", text).replace("2000", " ", 1)
    rest = rest.replace("_", " ").strip()
    meridian = _MERIDIAN.search(rest)
    if meridian:
        degrees = int(meridian[1] or meridian[2])
        if degrees % 3:
            raise InputError(f"crs {name!r}: {degrees}E is no central meridian of a 3-degree zone (75, 78, ... 135)")
        return gauss_kruger(degrees // 3, prefixed=False)
    zone = _ZONE.search(rest)
    if zone:
        number = int(zone[1] or zone[2])
        if 13 <= number <= 23:
            raise InputError(f"crs {name!r}: zone {number} is one of the 6-degree zones, which are not taken; "
                             f"taken are {TAKEN}")  # fmt: skip
        return gauss_kruger(number, prefixed=True)
    raise InputError(f"crs {name!r} names no zone; say which, e.g. EPSG:4527 (zone 39) or EPSG:4548 (CM 117E)")


def refuse_crs(name: str) -> str | None:
    """Why a file inside a site folder may not be in `name`, with the fix; `None` when `name` means WGS-84.

    Inside a site everything is WGS-84, so that nobody has to ask; other layers come in through the import, which
    converts and checks them.
    """
    try:
        crs = parse_crs(name)
    except InputError as unknown:
        return str(unknown)
    if crs == WGS84:
        return None
    return (
        f"crs {name!r} is not taken here: {_WHY_NOT[crs.family]}. A site holds WGS-84: bring the layer in with "
        f"kerbwatch site import DIR FILE.geojson --crs {crs.name} --out zones/NAME.geojson, and write crs: WGS84"
    )


_WHY_NOT = {
    Family.GCJ02: "GCJ-02 (火星坐标, Amap and Tencent) lies 300 to 700 m away from WGS-84 in China",
    Family.BD09: "BD-09 (Baidu) lies up to about 1.3 km away from WGS-84 in China",
    Family.CGCS2000: "CGCS2000 in degrees agrees with WGS-84 within a metre, but a door names what it converts",
    Family.GAUSS_KRUGER: "it is a projection in metres",
}
