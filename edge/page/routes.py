"""Routes of the rider's page. Nothing but the empty page itself is answered to a phone that was not paired."""

from __future__ import annotations

import hmac
import json
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Final

from pydantic import SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from detector.errors import InputError, KerbwatchError, TransientError
from detector.note import NotePlace
from detector.vocabulary import Kind
from edge.box.health import BoxHealth
from edge.box.metrics import CONTENT_TYPE, BoxMetrics
from edge.page import state
from edge.page.feed import BoxFeed, LastLook
from edge.page.guard import problem
from edge.page.notes import BlurredPicture, Note, NoteStore
from edge.page.pairing import Pairings, WrongCode
from edge.page.pictures import Pictures

COOKIE: Final = "kerbwatch_box"
CSRF_HEADER: Final = "X-CSRF-Token"

_COOKIE_DAYS = 180
_GUESSES, _GUESSES_WITHIN_S = 10, 300.0
_STATIC = files("edge.page").joinpath("static")
_ASSETS: Final = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_LOOPBACK = frozenset({"127.0.0.1", "::1"})

Answer = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What the routes speak to. `moving` says whether the vehicle moves now."""

    feed: BoxFeed
    notes: NoteStore
    pairings: Pairings
    pictures: Pictures
    moving: Callable[[], bool]
    metrics_token: SecretStr | None = None


class Routes:
    """The page's routes over its parts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._metrics = BoxMetrics(parts.feed.health)
        self._guesses: deque[float] = deque(maxlen=_GUESSES)
        self._assets = {path: (_STATIC.joinpath(name).read_bytes(), kind) for path, (name, kind) in _ASSETS.items()}

    def all(self) -> list[Route]:
        """Every route there is."""
        return [
            *(Route(path, self._asset) for path in self._assets),
            Route("/metrics", self._scrape),
            Route("/api/pair", self._pair, methods=["POST"]),
            Route("/api/state", self._paired(self._state)),
            Route("/api/looks/{index:int}.jpg", self._paired(self._standing(self._look))),
            Route("/api/reports/{report_id:uuid}/picture", self._paired(self._standing(self._report))),
            Route("/api/warned", self._pressed(self._warned), methods=["POST"]),
            Route("/api/missed", self._pressed(self._missed), methods=["POST"]),
            Route("/api/undo", self._pressed(self._undo), methods=["POST"]),
        ]

    def _paired(self, inner: Answer) -> Answer:
        async def route(request: Request) -> Response:
            token = request.cookies.get(COOKIE, "")
            if not (token and await run_in_threadpool(self._parts.pairings.knows, token)):
                return problem(401, "请先配对", "pair this phone first")
            return await inner(request)

        return route

    def _standing(self, inner: Answer) -> Answer:
        async def route(request: Request) -> Response:
            if self._parts.moving():
                return problem(409, "行驶中，停车后再操作", "riding: stop first")
            return await inner(request)

        return route

    def _pressed(self, inner: Answer) -> Answer:
        """A write: of a paired phone, with the page's own token, while standing."""

        async def own(request: Request) -> Response:
            sent = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(sent.encode(), _csrf(request.cookies[COOKIE]).encode()):
                return problem(403, "页面已过期，请刷新", "the page is out of date: reload it")
            try:
                return await inner(request)
            except TransientError:
                return problem(507, "磁盘已满，没有保存", "the disk is full: nothing was saved")
            except KerbwatchError as error:
                return problem(409, "没有保存", str(error))

        return self._paired(self._standing(own))

    async def _asset(self, request: Request) -> Response:
        data, kind = self._assets[request.url.path]
        return Response(data, media_type=kind)

    async def _scrape(self, request: Request) -> Response:
        if not self._collector(request):
            return problem(
                403, "仅限本机", "metrics are for this machine, or with the token of page.metrics_token_file"
            )
        return Response(await run_in_threadpool(self._metrics.text), headers={"Content-Type": CONTENT_TYPE})

    def _collector(self, request: Request) -> bool:
        token = self._parts.metrics_token
        scheme, _, sent = request.headers.get("authorization", "").partition(" ")
        if token is not None and scheme.lower() == "bearer":
            return hmac.compare_digest(sent.strip().encode(), token.get_secret_value().encode())
        return request.client is not None and request.client.host in _LOOPBACK

    async def _pair(self, request: Request) -> Response:
        now_s = time.monotonic()
        if len(self._guesses) == _GUESSES and now_s - self._guesses[0] < _GUESSES_WITHIN_S:
            return problem(429, "尝试过多，五分钟后再试", "too many tries: wait five minutes")
        # Counted before it is looked at: many guesses at once get no further.
        self._guesses.append(now_s)
        code = (await _asked(request)).get("code")
        if not isinstance(code, str):
            return problem(422, "请输入配对码", "send the code")
        try:
            token = await run_in_threadpool(self._parts.pairings.pair, code[:40])
        except WrongCode:
            return problem(403, "配对码不对或已过期", "this code is wrong, or no longer good")
        self._guesses.clear()
        answer = JSONResponse({"paired": True})
        answer.set_cookie(COOKIE, token, max_age=_COOKIE_DAYS * 86_400, httponly=True, samesite="strict", path="/")
        return answer

    async def _state(self, request: Request) -> Response:
        health = self._parts.feed.health()
        if self._parts.moving() or health is None:
            return JSONResponse({"riding": True, "alarms": state.alarms(health.alarms) if health else []})
        notes = await run_in_threadpool(self._parts.notes.recent)
        by_report = {note.report_id: note for note in notes if note.report_id is not None}
        undo = next((note for note in notes if note.undo_s > 0), None)
        return JSONResponse(
            {
                "riding": False,
                "csrf": _csrf(request.cookies[COOKIE]),
                "lights": state.lights(health),
                "alarms": state.alarms(health.alarms),
                "looks": [self._look_line(index, look, health) for index, look in enumerate(self._parts.feed.looks())],
                "reports": [state.report(line, by_report.get(line.report_id)) for line in self._parts.feed.reports()],
                "kinds": state.kinds(),
                "undo": state.pressed(undo) if undo else None,
                "missed": sum(note.said == "missed" for note in notes),
                "waiting": await run_in_threadpool(self._parts.notes.waiting),
            }
        )

    def _look_line(self, index: int, look: LastLook, health: BoxHealth) -> dict[str, Any]:
        age_s = max(0.0, (_now(health) - look.frame.captured_at).total_seconds())
        return {
            "index": index,
            "camera": look.camera_id,
            "seq": look.frame.seq,
            "age_s": round(age_s, 1),
            "seen": state.seen(look),
        }

    async def _look(self, request: Request) -> Response:
        look = self._look_at(request.path_params["index"])
        if look is None:
            return problem(404, "还没有画面", "no picture yet")
        try:
            return Response(await run_in_threadpool(self._parts.pictures.small, look), media_type="image/jpeg")
        except InputError:
            return problem(404, "无法模糊人脸，不显示画面", "people cannot be blurred, so no picture is shown")

    async def _report(self, request: Request) -> Response:
        wanted = request.path_params["report_id"]
        line = next((line for line in self._parts.feed.reports() if line.report_id == wanted), None)
        if line is None or not line.picture:
            return problem(404, "没有图片", "no picture of this report")
        return Response(line.picture, media_type=line.media_type)

    async def _warned(self, request: Request) -> Response:
        report_id = _uuid((await _asked(request)).get("report_id"))
        if report_id is None or all(line.report_id != report_id for line in self._parts.feed.reports()):
            return problem(422, "没有这份报告", "none of the reports shown has this id")
        return await self._kept(lambda at: self._parts.notes.warned(report_id, at))

    async def _missed(self, request: Request) -> Response:
        asked = await _asked(request)
        kind = asked.get("kind")
        if kind is not None and kind not in tuple(Kind):
            return problem(422, "没有这个类别", f"kind is one of {', '.join(Kind)}, or left out")
        index = asked.get("look", 0)
        look = self._look_at(index) if isinstance(index, int) else None

        def keep(at: datetime) -> Note:
            return self._parts.notes.missed(
                at, kind=Kind(kind) if kind else None, place=self._place(), picture=self._picture(look)
            )

        return await self._kept(keep)

    async def _undo(self, request: Request) -> Response:
        note_id = _uuid((await _asked(request)).get("note_id"))
        if note_id is None or not await run_in_threadpool(self._parts.notes.undo, note_id):
            return problem(409, "已超过一分钟，不能撤销", "its minute is over")
        return JSONResponse({"undone": True})

    async def _kept(self, keep: Callable[[datetime], Note]) -> Response:
        health = self._parts.feed.health()
        if health is None or health.time_told_by == "unset":
            return problem(409, "时钟未设置，不能记录", "the clock is not set: a note needs a time")
        return JSONResponse(state.pressed(await run_in_threadpool(keep, _now(health))), 201)

    def _look_at(self, index: int) -> LastLook | None:
        looks = self._parts.feed.looks()
        return looks[index] if 0 <= index < len(looks) else None

    def _picture(self, look: LastLook | None) -> BlurredPicture | None:
        """A note without its picture is still a note."""
        try:
            return self._parts.pictures.for_note(look) if look is not None else None
        except InputError:
            return None

    def _place(self) -> NotePlace | None:
        fix = self._parts.feed.fix()
        if fix is None:
            return None
        return NotePlace(lon_deg=fix.lon_deg, lat_deg=fix.lat_deg, sigma_m=fix.sigma_m, synthetic=fix.synthetic)


async def _asked(request: Request) -> dict[str, Any]:
    """The JSON object of the body; empty when it is none."""
    try:
        data = json.loads(await request.body())
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _uuid(value: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _csrf(cookie: str) -> str:
    """Bound to the cookie, and of no use without it."""
    return hmac.digest(cookie.encode(), b"kerbwatch-box-csrf", "sha256").hex()


def _now(health: BoxHealth) -> datetime:
    """UTC by the box's best word, carried on since that second."""
    return health.at + timedelta(seconds=max(0.0, time.monotonic() - health.monotonic_s))
