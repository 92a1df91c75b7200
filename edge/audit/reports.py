"""The reports of folders, as far as an audit needs them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from detector.errors import InputError
from detector.report import SealedReport
from detector.vocabulary import Kind, Outcome
from edge.folder import REPORTS_DIR


@dataclass(frozen=True, slots=True)
class Accusation:
    """One report: what was accused, where, by whom. `place` is (lon, lat) in degrees, `None` when unknown."""

    hit_key: str
    patrol_id: str
    kind: Kind
    outcome: Outcome
    observed_by: str
    place: tuple[float, float] | None


def read_accusations(folders: Iterable[Path]) -> list[Accusation]:
    """The reports of `--out` folders or downloaded cases; one that is in several counts once.

    Seals are not checked here (`kerbwatch verify` does).

    Raises:
        InputError: a folder holds no reports, or a file is none.
    """
    found: dict[str, Accusation] = {}
    for folder in folders:
        if not (folder / REPORTS_DIR).is_dir():
            raise InputError(f"{folder} holds no {REPORTS_DIR}/: name the --out folder of a patrol")
        for path in sorted((folder / REPORTS_DIR).glob("*.json")):
            accusation = _read(path)
            found.setdefault(accusation.hit_key, accusation)
    return list(found.values())


def _read(path: Path) -> Accusation:
    try:
        body = SealedReport.model_validate_json(path.read_bytes()).body
    except ValidationError as error:
        raise InputError(f"{path} is no report: {error.errors()[0]['msg']}; remove it") from error
    place = body.place
    return Accusation(
        hit_key=body.hit_key,
        patrol_id=body.patrol_id,
        kind=body.kind,
        outcome=body.outcome,
        observed_by=body.observed_by,
        place=None if place is None else (place.lon_deg, place.lat_deg),
    )
