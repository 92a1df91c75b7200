"""Publishing in a process of its own: `python -m edge.coverage.apart FOLDER CRS`, for a box that must go on looking."""

from __future__ import annotations

import sys
from pathlib import Path

from detector.errors import KerbwatchError
from detector.geo.crs import parse_crs
from edge.coverage.publish import COVERAGE_FILE, publish


def main(arguments: list[str]) -> int:
    """Publish the looks of a folder; the exit code is that of the error, which is told on standard error."""
    folder, crs = Path(arguments[0]), parse_crs(arguments[1])
    try:
        publish(folder, folder / COVERAGE_FILE, crs)
    except KerbwatchError as error:
        print(error, file=sys.stderr)  # noqa: T201 (read by the box)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
