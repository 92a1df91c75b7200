"""Does a drive lie along the streets of the site it is judged against?

A phone in China may log GCJ-02 where its log says WGS-84, some hundred metres off every street; and a site's map may
have been drawn on such a map. Either way every verdict would be made about another street.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detector.frame import Fix
from detector.geo.crs.names import WGS84
from detector.geo.crs.shifted import Agreement, compare, suspects, thin_by_distance
from detector.geo.zones import ZoneIndex
from detector.vocabulary import Text

STEP_M = 15.0
"""Fixes nearer than this to the one before tell nothing new."""
_STREET_M = 8.0
"""A vehicle drives this far from the zones along its street, besides the error of its fixes."""
_UNKNOWN_FIT = 0.1


def check_drive(fixes: Sequence[Fix], zones: ZoneIndex) -> Agreement:
    """Whether the fixes of a drive lie along a site's zones, or would if they were in another reference system."""
    if not fixes:
        return Agreement("cannot_tell", 0.0)
    path = thin_by_distance(np.array([(fix.lon_deg, fix.lat_deg) for fix in fixes]), STEP_M)
    scale_m = float(np.hypot(_STREET_M, np.median([fix.sigma_m for fix in fixes])))
    return compare(path, zones, suspects(WGS84), scale_m)


def drive_warning(agreement: Agreement) -> Text | None:
    """What to tell whoever starts a patrol; `None` when there is nothing to say."""
    suspect = agreement.suspect
    if agreement.verdict == "shifted" and suspect is not None:
        if suspect.crs is None:
            return Text(
                zh=f"定位轨迹与辖区地图相差约{np.hypot(agreement.east_m, agreement.north_m):.0f}米："
                "辖区地图很可能是按GCJ-02坐标绘制的，请用 kerbwatch site import --crs GCJ02 重新导入",
                en=f"the drive lies {agreement.error.en} of the site's streets: the site's zones look like GCJ-02 "
                "drawn as WGS-84; bring them in again with kerbwatch site import --crs GCJ02",
            )
        return Text(
            zh=f"定位日志很可能是{suspect.name.zh}坐标而不是WGS-84：{agreement.error.zh}；请让设备记录WGS-84",
            en=f"the GNSS log looks like {suspect.name.en} logged as WGS-84: {agreement.error.en}; log WGS-84, as NMEA "
            "asks, or every place is wrong by as much",
        )
    if agreement.verdict == "cannot_tell" and agreement.fit < _UNKNOWN_FIT:
        return Text(
            zh="行驶轨迹附近没有辖区区域，无法核对定位坐标系",
            en="the drive comes near no zone of the site, so whether its positions are in WGS-84 could not be checked",
        )
    return None
