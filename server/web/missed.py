"""The page of what riders say the boxes missed: food for labels and for the next model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy import func, select

from detector.vocabulary import Text, vocabulary
from server.db.tables import Device, RiderNote
from server.errors import NotFound
from server.security.guard import AsReviewer, UsesServices
from server.security.headers import EVIDENCE_POLICY
from server.web.page import Page
from server.web.templating import render

router = APIRouter(include_in_schema=False, route_class=Page)

PAGE_SIZE = 30


@dataclass(frozen=True, slots=True)
class Missed:
    """One note."""

    id: str
    device_name: str
    made_at: datetime
    kind: Text | None
    place: tuple[float, float] | None
    sigma_m: float | None
    synthetic: bool
    size_px: tuple[int, int] | None
    """Of its picture; `None` when it has none."""

    @property
    def map_url(self) -> str:
        """The place on a public map, in a window of its own."""
        lon, lat = self.place or (0.0, 0.0)
        return f"https://www.openstreetmap.org/?mlat={lat:.6f}&mlon={lon:.6f}#map=19/{lat:.6f}/{lon:.6f}"


@router.get("/missed")
def missed(
    request: Request, who: AsReviewer, services: UsesServices, page: Annotated[int, Query(ge=1, le=100_000)] = 1
) -> Response:
    """The notes, newest first."""
    wanted = RiderNote.said == "missed"
    with services.database.read() as session:
        total = session.scalar(select(func.count()).select_from(RiderNote).where(wanted)) or 0
        rows = session.execute(
            select(RiderNote, Device.name)
            .join(Device, Device.id == RiderNote.device_id)
            .where(wanted)
            .order_by(RiderNote.made_at.desc(), RiderNote.id)
            .limit(PAGE_SIZE)
            .offset((page - 1) * PAGE_SIZE)
        ).all()
        notes = [_missed(note, name) for note, name in rows]
    more = total > page * PAGE_SIZE
    return render(request, "missed.html", who, notes=notes, total=total, page=page, more=more)


@router.get("/missed/{note_id}.jpg")
def picture(_who: AsReviewer, services: UsesServices, note_id: UUID) -> Response:
    """The blurred picture of a note."""
    with services.database.read() as session:
        data = session.scalar(select(RiderNote.picture).where(RiderNote.id == str(note_id)))
    if data is None:
        raise NotFound(f"there is no picture of note {note_id}")
    headers = {"Content-Security-Policy": EVIDENCE_POLICY, "Cache-Control": "private, max-age=3600"}
    return Response(data, media_type="image/jpeg", headers=headers)


def _missed(note: RiderNote, device_name: str) -> Missed:
    kind = vocabulary().kinds.get(note.kind, Text(note.kind, note.kind)) if note.kind else None
    known = note.lon_deg is not None and note.lat_deg is not None
    return Missed(
        id=note.id,
        device_name=device_name,
        made_at=note.made_at,
        kind=kind,
        place=(note.lon_deg or 0.0, note.lat_deg or 0.0) if known else None,
        sigma_m=note.sigma_m,
        synthetic=note.synthetic,
        size_px=(note.width_px, note.height_px) if note.width_px and note.height_px else None,
    )
