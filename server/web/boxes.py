"""The page of the boxes: who is silent, whose camera is away, what waits where."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from detector.vocabulary import Text
from server.boxes import overview
from server.boxes.overview import BoxState
from server.security.guard import AsReviewer, UsesServices
from server.web.page import Page
from server.web.templating import render

router = APIRouter(include_in_schema=False, route_class=Page)

STATES: dict[BoxState, Text] = {
    BoxState.OVERDUE: Text("失联", "overdue"),
    BoxState.ALARM: Text("有告警", "needs a look"),
    BoxState.WELL: Text("正常", "well"),
    BoxState.PARKED: Text("未运行", "not running"),
}
CAMERAS: dict[str, Text] = {
    "connecting": Text("连接中", "connecting"),
    "live": Text("正常", "live"),
    "stalled": Text("画面停顿", "stalled"),
    "away": Text("连不上", "away"),
}
RECEIVERS: dict[str, Text] = {
    "fix": Text("已定位", "fix"),
    "no_fix": Text("未定位", "no fix"),
    "silent": Text("接收机无输出", "receiver silent"),
    "off": Text("无接收机", "none"),
}


@router.get("/boxes")
def boxes(request: Request, who: AsReviewer, services: UsesServices) -> Response:
    """Every box that ever sent a heartbeat; the page loads itself anew every half minute."""
    with services.database.read() as session:
        seen = overview.boxes(session, now=datetime.now(UTC))
    words = {"states": STATES, "cameras": CAMERAS, "receivers": RECEIVERS}
    return render(request, "boxes.html", who, seen=seen, words=words)
