"""Takes a rider's note in: once, and only from the device that sealed it."""

from __future__ import annotations

import io
from datetime import datetime

from sqlalchemy.orm import Session

from detector.note import CheckedNote, NoteBody, SealedNote
from detector.vocabulary import Text
from server.cases import history
from server.cases.actions import Warned
from server.db.tables import Case, Device, Report, RiderNote
from server.errors import Conflict, Forbidden, Refused
from server.ingest.media import Media, sniff
from server.security.devices import KnownDevice

_NOT_YET = Text("报告尚未收到", "The report is not here yet")


def accept(
    session: Session, sealed: SealedNote, checked: CheckedNote, device: KnownDevice, *, now: datetime
) -> tuple[int | None, bool]:
    """Stores a note whose seal has been checked, inside the caller's write transaction.

    Returns:
        The case it is about, and whether the note is new. The same note again changes nothing.

    Raises:
        Forbidden: sealed by another device than the one that sends it.
        Conflict: the id has another body, or the report it is about is not here yet (``report-not-here``).
        Refused: the picture is not the JPEG that the body names.
    """
    body = checked.body
    if body.device_id != device.id:
        raise Forbidden(
            f"the note is sealed by device {body.device_id[:12]}, the token is of device {device.id[:12]}",
            slug="wrong-device",
        )
    case = _case(session, body, device)
    known = session.get(RiderNote, str(body.note_id))
    if known is not None:
        if known.device_id != device.id or known.body_sha256 != sealed.seal.body_sha256:
            raise Conflict(f"note {body.note_id} is here with another body", slug="note-conflict")
        return (case.id if case else None), False
    _check_picture(checked)
    session.add(_row(sealed, checked, now))
    sender = session.get(Device, device.id)
    if sender is not None:
        sender.last_seen_at = now
    session.flush()
    if case is not None and body.report_id is not None:
        event = Warned(report_id=str(body.report_id), note_id=str(body.note_id), warned_at=body.made_at)
        history.append(session, case, event, actor=f"device:{device.id[:16]}", now=now)
    return (case.id if case else None), True


def _case(session: Session, body: NoteBody, device: KnownDevice) -> Case | None:
    if body.report_id is None:
        return None
    report = session.get(Report, str(body.report_id))
    if report is None or report.device_id != device.id:
        raise Conflict(
            f"report {body.report_id} of this device is not here: send it first, then the note",
            slug="report-not-here",
            title=_NOT_YET,
        )
    return report.sighting.case


def _check_picture(checked: CheckedNote) -> None:
    named = checked.body.picture
    if named is None or checked.picture is None:
        return
    found = sniff(io.BytesIO(checked.picture))
    if found != Media(named.media_type, named.width_px, named.height_px):
        raise Refused(f"the picture is {found or 'no picture'}, the note says {named.width_px} x {named.height_px} px")


def _row(sealed: SealedNote, checked: CheckedNote, now: datetime) -> RiderNote:
    body = checked.body
    place, picture = body.place, body.picture
    without_picture = sealed.model_copy(update={"picture_base64": None})
    return RiderNote(
        id=str(body.note_id),
        device_id=body.device_id,
        said=body.said,
        body_sha256=sealed.seal.body_sha256,
        report_id=str(body.report_id) if body.report_id else None,
        kind=body.kind.value if body.kind else None,
        lon_deg=place.lon_deg if place else None,
        lat_deg=place.lat_deg if place else None,
        sigma_m=place.sigma_m if place else None,
        synthetic=place.synthetic if place else False,
        made_at=body.made_at,
        received_at=now,
        sealed_json=without_picture.model_dump_json(by_alias=True).encode(),
        picture=checked.picture,
        width_px=picture.width_px if picture else None,
        height_px=picture.height_px if picture else None,
    )
