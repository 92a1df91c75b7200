"""Coordinate reference systems at the doors. Inside, everything is WGS-84 longitude and latitude.

* `names`: what people call a system -> `Crs`;
* `convert`: coordinates of a `Crs` to WGS-84 and back;
* `gcj`: the formulas of GCJ-02 and BD-09;
* `plausible`: coordinates that cannot be of the system they are said to be of;
* `shifted`: coordinates that can be, but do not fit the map, as they would in another system.
"""

from detector.geo.crs.convert import from_wgs84, to_wgs84
from detector.geo.crs.names import BD09, CGCS2000, GCJ02, WGS84, Crs, Family, parse_crs, refuse_crs

__all__ = ["BD09", "CGCS2000", "GCJ02", "WGS84", "Crs", "Family", "from_wgs84", "parse_crs", "refuse_crs", "to_wgs84"]
