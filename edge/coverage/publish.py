"""`coverage.geojson`: the looks of a folder's patrols as one map layer, in the system the site publishes in."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from detector.geo.crs import WGS84, Crs, from_wgs84
from edge.coverage.log import drop_old, lines, logs
from edge.durable import TMP_PREFIX, explain, fsync_dir

COVERAGE_FILE: Final = "coverage.geojson"
_CRS84: Final = "urn:ogc:def:crs:OGC:1.3:CRS84"
_DIGITS = 6


def publish(folder: Path, target: Path, crs: Crs = WGS84) -> int:
    """Write the looks that a folder holds as GeoJSON, one feature on each line; gives how many.

    The file names its system twice: in ``crs``, as GIS tools read it, and in ``kerbwatch_crs``. It is replaced whole
    or not at all. Logs beyond `LOGS_MAX_BYTES` are dropped, oldest first.

    Raises:
        TransientError: the disk is full.
        InputError: the folder cannot be written.
    """
    drop_old(folder)
    head = {
        "type": "FeatureCollection",
        "name": "coverage",
        "crs": {"type": "name", "properties": {"name": _CRS84 if crs == WGS84 else crs.name}},
        "kerbwatch_crs": crs.name,
    }
    temporary = target.with_name(f"{TMP_PREFIX}{secrets.token_hex(8)}")
    count = 0
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(head)[:-1] + ', "features": [')
            for count, line in enumerate(_all_lines(folder, crs), start=1):
                file.write(("\n" if count == 1 else ",\n") + line)
            file.write("\n]}\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        fsync_dir(target.parent)
    except OSError as error:
        raise explain(error, target, 0) from error
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _all_lines(folder: Path, crs: Crs) -> Iterator[str]:
    for path in logs(folder):
        for line in lines(path):
            yield line if crs == WGS84 else _converted(line, crs)


def _converted(line: str, crs: Crs) -> str:
    feature: dict[str, Any] = json.loads(line)
    told, geometry = feature["properties"], feature["geometry"]
    (ring,) = geometry["coordinates"]
    turned = from_wgs84([*ring, told["camera"]], crs).round(_DIGITS).tolist()
    geometry["coordinates"], told["camera"] = [turned[:-1]], turned[-1]
    return json.dumps(feature, ensure_ascii=False, separators=(",", ":"))
