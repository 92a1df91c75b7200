"""Gathering everything that is wrong, instead of stopping at the first."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from detector.site.model import SiteProblem
from detector.site.yaml_file import parse_yaml

Model = TypeVar("Model", bound=BaseModel)

FILE_MAX_BYTES = 128 << 20
"""Of a zone file; a city of 10,000 zones has about 10 MB."""
YAML_MAX_BYTES = 16 << 20
"""Read in about a minute; 50,000 permits have about 10 MB."""


def as_mapping(raw: object) -> dict[str, Any] | None:
    """A mapping with its keys as text; `None` when `raw` is none."""
    if not isinstance(raw, Mapping):
        return None
    return {str(key): value for key, value in cast("Mapping[object, Any]", raw).items()}


class Problems:
    """The list of problems of one folder."""

    def __init__(self) -> None:
        self.found: list[SiteProblem] = []

    def add(self, file: str, message: str, *, feature: str | None = None, field: str | None = None) -> None:
        """Note one problem."""
        self.found.append(SiteProblem(file, feature, field, message))

    def read(self, model: type[Model], raw: object, file: str, *, feature: str | None = None,
             prefix: str = "") -> Model | None:  # fmt: skip
        """Validate `raw`; every error becomes a problem, and the result is `None` when there was one."""
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            for entry in error.errors(include_url=False):
                field = ".".join([prefix, *(str(part) for part in entry["loc"])]).strip(".") or None
                self.add(
                    file,
                    _message(
                        entry["type"], entry["msg"], entry["input"], _fields(model) if len(entry["loc"]) == 1 else ""
                    ),
                    feature=feature,
                    field=field,
                )
            return None


def _fields(model: type[BaseModel]) -> str:
    return "; known: " + ", ".join(field.alias or name for name, field in model.model_fields.items())


def _message(code: str, text: str, value: object, known: str) -> str:
    text = text.removeprefix("Value error, ")
    if code == "missing":
        return "is missing; add it"
    if code == "extra_forbidden":
        return f"is no known field (got {_short(value)}); remove it or mend its spelling{known}"
    if code == "value_error" and isinstance(value, Mapping):
        return text  # about the entry as a whole, whose content says nothing
    return f"{text} (got {_short(value)})"


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def read_text(path: Path, name: str, problems: Problems, max_bytes: int = FILE_MAX_BYTES) -> str | None:
    """A file's text; unreadable bytes are a problem. A byte order mark is taken off."""
    try:
        size = path.stat().st_size
        if size > max_bytes:
            problems.add(name, f"has {size} bytes, more than {max_bytes}; split it or thin out its points")
            return None
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        problems.add(name, f"is not UTF-8 (byte {error.start}); save it as UTF-8")
    except OSError as error:
        problems.add(name, f"cannot be read: {error.strerror}")
    return None


def read_yaml(path: Path, name: str, problems: Problems) -> dict[str, Any] | None:
    """A YAML file that holds a mapping."""
    text = read_text(path, name, problems, YAML_MAX_BYTES)
    if text is None:
        return None
    try:
        raw: object = parse_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that does not exist
        problems.add(name, f"is no YAML: {' '.join(str(error).split())}")
        return None
    mapping = as_mapping(raw)
    if mapping is None:
        problems.add(name, f"holds {type(raw).__name__}, not a mapping of fields; see docs/site-folder.md")
    return mapping


def read_entries(
    folder: Path, name: str, file_model: type[BaseModel], entry_model: type[Model], problems: Problems
) -> Iterator[tuple[str, Model]]:
    """The good entries of a file that holds a schema and one list, each with its label; none without the file.

    Every entry needs an ``id``; one used twice is a problem.
    """
    for label, raw in raw_entries(folder, name, file_model, problems):
        read = problems.read(entry_model, raw, name, feature=label)
        if read is not None:
            yield label, read


def raw_entries(
    folder: Path, name: str, file_model: type[BaseModel], problems: Problems
) -> Iterator[tuple[str, object]]:
    """Label (id, or index from 0) and content of each entry of a file with one list, doubled ids left out."""
    if not (folder / name).is_file():
        return
    raw = read_yaml(folder / name, name, problems)
    read = problems.read(file_model, raw, name) if raw is not None else None
    if read is None:
        return
    (listed,) = (getattr(read, field) for field in file_model.model_fields if field != "schema_")
    seen: set[str] = set()
    for index, entry in enumerate(cast("tuple[object, ...]", listed)):
        mapping = as_mapping(entry)
        named = mapping.get("id") if mapping else None
        label = named if isinstance(named, str) and named else str(index)
        if named is not None and label in seen:
            problems.add(name, f"{label!r} is used twice; give each entry its own id", feature=label, field="id")
            continue
        seen.add(label)
        yield label, entry


def unknown_zone(zone_id: str, known: Collection[str], file: str, feature: str, field: str, problems: Problems) -> None:
    """Note that an entry names a zone that is not there; silent when the zone is there and was refused itself."""
    if any(found.feature == zone_id for found in problems.found):
        return  # that is the fault to mend
    near = difflib.get_close_matches(zone_id, sorted(known), n=3)
    hint = f"; near: {', '.join(near)}" if near else ""
    problems.add(file, f"names zone {zone_id!r}, which no zones/*.geojson has{hint}", feature=feature, field=field)
