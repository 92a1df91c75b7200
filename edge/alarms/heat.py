"""How hot the processor is, as Linux tells it; a machine without sensors tells nothing, and that is no alarm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ZONES: Final = Path("/sys/class/thermal")
_CPUS: Final = Path("/sys/devices/system/cpu")
_PLAUSIBLE_DEG_C = (-40.0, 150.0)


@dataclass(frozen=True, slots=True)
class Heat:
    """Attributes: `hottest_deg_c` of all zones, `None` without a sensor; `throttled` counts since the start of the
    machine how often a core was slowed down for its heat."""

    hottest_deg_c: float | None
    throttled: int


def read_heat(zones: Path = _ZONES, cpus: Path = _CPUS) -> Heat:
    """Read the kernel's sensors (``thermal_zone*/temp``, millidegrees) and its throttle counters."""
    temperatures = [value / 1000.0 for value in map(_number, zones.glob("thermal_zone*/temp")) if value is not None]
    low, high = _PLAUSIBLE_DEG_C
    plausible = [value for value in temperatures if low < value < high]
    counts = map(_number, cpus.glob("cpu[0-9]*/thermal_throttle/core_throttle_count"))
    return Heat(max(plausible, default=None), sum(count for count in counts if count is not None))


def _number(path: Path) -> int | None:
    """A sensor may be there and give nothing while its device sleeps."""
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None
