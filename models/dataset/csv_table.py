"""Small tables that people and programs keep beside pictures."""

from __future__ import annotations

import csv
from pathlib import Path

from models.errors import DatasetError


def read_table(path: Path, *columns: str) -> list[dict[str, str]]:
    """The rows of a CSV file with a header (UTF-8, byte order mark or not). Cells that are missing read empty.

    Raises:
        DatasetError: it cannot be read, or lacks one of ``columns``.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            rows = [{key: value for key, value in row.items() if key is not None} for row in reader]
            header = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"cannot read {path}: {error}") from error
    for column in columns:
        if column not in header:
            raise DatasetError(f"{path} has no column {column!r}")
    return rows
