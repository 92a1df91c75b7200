"""The OpenAPI description: what FastAPI derives, made true where it guesses."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from detector.note import SealedNote
from detector.report import SealedReport
from server.api.problems import Problem

_METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}
_DESCRIPTION = """
Devices send sealed reports and evidence; reviewers decide cases. 设备上报，人工审核。

Every error is `application/problem+json` (RFC 9457). 429, 503 and 507 carry `Retry-After`; nothing is acknowledged
that is not on the disk.
""".strip()


def install(app: FastAPI) -> None:
    """Gives the app its description."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _describe(app: FastAPI) -> dict[str, Any]:
    description = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    _, extra = models_json_schema(
        [(SealedReport, "validation"), (SealedNote, "validation"), (Problem, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    for name, schema in extra["$defs"].items():
        schemas.setdefault(name, schema)
    for path in description["paths"].values():
        for method, operation in path.items():
            if method in _METHODS:
                _mend(operation)
    # FastAPI's own shape of a 422, which this service never sends.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    return description


def _mend(operation: dict[str, Any]) -> None:
    invalid = operation["responses"].get("422")
    if invalid is not None and "application/problem+json" in invalid.get("content", {}):
        invalid["content"].pop("application/json", None)
    for response in operation["responses"].values():
        if "application/problem+json" in response.get("content", {}):
            response["content"] = {"application/problem+json": response["content"]["application/problem+json"]}
