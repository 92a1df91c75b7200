"""Adds the review pages to the app."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from server.web import boxes, fleet, missed
from server.web.routes import router
from server.web.templating import FOLDER


class Static(StaticFiles):
    """Own files: a browser asks each time and gets 304 while they are unchanged, so an update shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file with its caching said."""
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def install(app: FastAPI) -> None:
    """The pages under / and their files under /static."""
    app.include_router(router)
    app.include_router(boxes.router)
    app.include_router(missed.router)
    app.include_router(fleet.router)
    app.mount("/static", Static(directory=FOLDER / "static"), name="static")
