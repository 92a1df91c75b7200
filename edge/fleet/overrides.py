"""``settings.yaml`` of a pack: the few settings of a box that may be set from afar, by an allow-list.

Where a box sends to, whom it trusts, what leaves it and where its page listens are its keeper's alone. ::

    look: {every_m: 3.0}                  # every camera
    cameras:
      bike-07-front: {every_m: 2.0}       # one camera, over `look`
    evidence: {originals_days: 10}
    uplink: {budget_bytes_per_day: 20000000, metered_sends: reports}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from detector.errors import PackError

if TYPE_CHECKING:
    from edge.box.settings import BoxSettings
    from edge.fleet.running import RunningPack

ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    "look": frozenset({"by", "every_m", "every_s", "standing_every_s"}),
    "evidence": frozenset(
        {"originals_days", "clip_before_s", "clip_after_s", "outbox_bytes_max", "originals_bytes_max"}
    ),
    "uplink": frozenset({"heartbeat_s", "budget_bytes_per_day", "budget_for_reports_bytes", "metered_sends"}),
}
"""What may be set from afar; `cameras` takes the fields of `look` for one camera each."""
_MAX_BYTES: Final = 64 * 1024
_CAMERAS: Final = "cameras"


def effective(settings: BoxSettings, pack: RunningPack | None) -> BoxSettings:
    """The settings that a box runs with: its own, with site, model and the allowed settings of its pack.

    Raises:
        PackError: the pack sets something that is not allowed, or to a value that is out of bounds.
    """
    if pack is None:
        return settings
    paths = {"site": pack.site, "model": pack.model}
    return with_overrides(settings.model_copy(update=paths), read_overrides(pack.overrides), str(pack.overrides))


def read_overrides(path: Path) -> dict[str, dict[str, Any]]:
    """The settings in a pack's file; none when it is not there.

    Raises:
        PackError: no YAML, or something that a pack may not set.
    """
    try:
        data = path.read_bytes()[: _MAX_BYTES + 1]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise PackError(f"cannot read {path}: {error.strerror}; install the pack again") from error
    return parse_overrides(data, str(path))


def parse_overrides(data: bytes, where: str) -> dict[str, dict[str, Any]]:
    """The settings in the bytes of a ``settings.yaml``.

    Raises:
        PackError: no YAML, or something that a pack may not set.
    """
    try:
        raw: Any = yaml.safe_load(data) if len(data) <= _MAX_BYTES else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PackError(f"{where} is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(raw, dict):
        raise PackError(f"{where} holds no settings: give sections {', '.join((*ALLOWED, _CAMERAS))}, or leave it out")
    for section, values in raw.items():
        if section != _CAMERAS:
            _check_section(str(section), values, str(section), where)
            continue
        for camera_id, fields in _mapping(values, where).items():
            _check_section(f"{_CAMERAS}.{camera_id}", fields, "look", where)
    return raw


def with_overrides(settings: BoxSettings, overrides: Mapping[str, Any], where: str) -> BoxSettings:
    """A box's settings with a pack's over them; sections that the box does not have stay away.

    Raises:
        PackError: a value is out of bounds.
    """
    look, by_camera = overrides.get("look", {}), overrides.get(_CAMERAS, {})
    cameras = tuple(
        camera.model_copy(update={"look": _over(camera.look, look | by_camera.get(camera.camera_id, {}), where)})
        for camera in settings.cameras
    )
    update: dict[str, Any] = {"cameras": cameras}
    update["evidence"] = _over(settings.evidence, overrides.get("evidence", {}), where)
    if settings.uplink is not None:
        update["uplink"] = _over(settings.uplink, overrides.get("uplink", {}), where)
    return settings.model_copy(update=update)


def _check_section(name: str, fields: Any, kind: str, where: str) -> None:
    if kind not in ALLOWED:
        sections = ", ".join((*ALLOWED, _CAMERAS))
        raise PackError(f"{where}: {name} may not be set from afar; a pack may set {sections}")
    for field in _mapping(fields, where):
        if field not in ALLOWED[kind]:
            allowed = ", ".join(sorted(ALLOWED[kind]))
            raise PackError(f"{where}: {name}.{field} may not be set from afar; of {kind} a pack may set {allowed}")


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise PackError(f"{where}: {str(value)[:80]!r} is no section with settings in it")
    return value


_Section = TypeVar("_Section", bound=BaseModel)


def _over(section: _Section, fields: Mapping[str, Any], where: str) -> _Section:
    if not fields:
        return section
    try:
        return type(section).model_validate(section.model_dump() | dict(fields))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or type(section).__name__
        raise PackError(f"{where}: {field}: {first['msg']}") from None
