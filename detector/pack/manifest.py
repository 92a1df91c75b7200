"""``pack.yaml``: what a fleet pack is, for whom, and how slow it may be."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detector.errors import PackError
from detector.heartbeat import Version
from detector.report import Name, Sha256, Utc

SCHEMA: Final = "kerbwatch-pack/1"
MANIFEST: Final = "pack.yaml"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class PackLimits(_Part):
    """How slow a pack may be on the box it comes to."""

    slower_max: Annotated[float, Field(ge=1.0, le=100.0)] = 1.5
    """Seconds of one look of the network, as a multiple of those of the pack before on the same pictures. Lower keeps
    boxes from falling behind, and refuses a larger model that was meant."""
    seconds_per_look_max: Annotated[float, Field(gt=0, le=60)] | None = None
    """The same in seconds, whatever was before."""


class PackManifest(_Part):
    """The whole file."""

    schema_: Annotated[Literal["kerbwatch-pack/1"], Field(alias="schema")] = SCHEMA
    version: Version
    made_at: Utc
    needs_software: Version | None = None
    """The oldest Kerbwatch that can run it."""
    devices: Annotated[tuple[Sha256, ...], Field(max_length=10_000)] = ()
    """Ids of the only devices that may run it; empty for any."""
    site_name: Name
    model_name: Name
    limits: PackLimits = PackLimits()

    def to_bytes(self) -> bytes:
        """The content of the file; the same manifest gives the same bytes."""
        content = self.model_dump(mode="json", exclude_defaults=False)
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode()


def parse_manifest(data: bytes, where: str) -> PackManifest:
    """The manifest in the bytes of a ``pack.yaml`` whose signature holds.

    Raises:
        PackError: no YAML, or a field is missing, unknown or out of its bounds; the message names it.
    """
    try:
        raw: Any = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PackError(f"{where} is not YAML: {str(error).splitlines()[0]}; build the pack again") from error
    try:
        return PackManifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise PackError(f"{where}: {field}: {first['msg']}; build the pack again") from None
