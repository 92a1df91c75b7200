"""Counters for Prometheus: what was asked, how it was answered, and what waits for a person."""

from __future__ import annotations

import shutil
import time
from collections import Counter as Counted
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import func, select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.boxes import overview
from server.boxes.overview import BoxState
from server.db.tables import Case, CaseState, Evidence, EvidenceState, Report
from server.services import Services


class Metrics:
    """The figures of one service; each service has its own registry."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "kerbwatch_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "kerbwatch_http_request_seconds", "Time to answer.", ("method", "route"), registry=self.registry
        )
        self._cases = Gauge("kerbwatch_cases", "Cases by state.", ("state",), registry=self.registry)
        self._reports = Gauge("kerbwatch_reports", "Reports taken.", registry=self.registry)
        self._missing = Gauge(
            "kerbwatch_evidence_missing", "Evidence files declared and not here yet.", registry=self.registry
        )
        self._boxes = Gauge("kerbwatch_boxes", "Boxes by how they do.", ("state",), registry=self.registry)
        self._free = Gauge("kerbwatch_disk_free_bytes", "Free space of the data folder.", registry=self.registry)

    def text(self) -> bytes:
        """Everything in the text format; counts in the database are taken now."""
        with self._services.database.read() as session:
            by_state = dict(session.execute(select(Case.state, func.count()).group_by(Case.state)).all())
            reports = session.scalar(select(func.count()).select_from(Report))
            missing = session.scalar(
                select(func.count()).select_from(Evidence).where(Evidence.state == EvidenceState.MISSING)
            )
            seen = Counted(box.state for box in overview.boxes(session, now=datetime.now(UTC)))
        for box_state in BoxState:
            self._boxes.labels(box_state.value).set(seen[box_state])
        for state in CaseState:
            self._cases.labels(state.value).set(by_state.get(state, 0))
        self._reports.set(reports or 0)
        self._missing.set(missing or 0)
        self._free.set(shutil.disk_usage(self._services.settings.data).free)
        return generate_latest(self.registry)


class CountRequests:
    """ASGI middleware: counts by the route's template, so that no id or token becomes a label."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun_s = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            # Strangers may invent methods; a label may not be invented.
            known = scope["method"] in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
            method, route = scope["method"] if known else "other", route_template(scope)
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(method, route).observe(time.perf_counter() - begun_s)


def route_template(scope: Scope) -> str:
    """Path of the route that answered, with names for its parts; ``unmatched`` when none did."""
    route = scope.get("route")
    return str(getattr(route, "path", "unmatched"))
