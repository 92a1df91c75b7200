"""From finished tracks to reports: the half of a source's patrol that comes after the tracker.

Tracks wait in a `Stretch` until they can be judged together; the best picture of each waits with them. What breaks an
order becomes a report, durable in the outbox before the next picture is looked at; what would break one if it had been
seen before is kept in the site memory, for the next pass.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from detector.detections import Detections
from detector.evidence.best_frame import BestFrame, BestFrames
from detector.evidence.privacy import blur_people
from detector.frame import Frame
from detector.geo.localise import Unplaced
from detector.hit import Hit, Place, SeenBefore
from detector.report import ReportBody, hit_key
from detector.rules import judge, judge_tracks
from detector.rules.placing import Placing
from detector.rules.shown import shown_by_track
from detector.tracking import TrackUpdate
from detector.tracks import Track
from detector.vocabulary import Outcome
from edge.again import Sighting
from edge.assemble import Origin, Shot, assemble
from edge.memory import StretchId
from edge.originals import OriginalFile, Originals
from edge.outbox import BodyBuilder
from edge.parcels import EvidenceFile
from edge.plan import Plan
from edge.registered import PassRegister
from edge.result import report_line
from edge.stretch import Stretch, gather_gap_s
from edge.tally import Tally

PICTURES_MAX_BYTES: Final = 96 * 1024 * 1024
"""Kept pictures of this size are judged without waiting for more, well before `BestFrames` must throw any out."""

FOR_EVER: Final = SeenBefore(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), passes=1_000_000)
"""More dwell than any rule asks for."""


class SourceName(Protocol):
    """What reports say of a source: a recording by its hash, a live camera by its name alone."""

    @property
    def source_id(self) -> str: ...

    @property
    def sha256(self) -> str: ...


class Reports(Protocol):
    """Where reports are put; `edge.outbox.Outbox` is one."""

    @property
    def device_id(self) -> str: ...

    def put(self, hit_key: str, build: BodyBuilder) -> uuid.UUID | None:
        """The report's id; `None` when it is not durable yet."""
        ...


class Memory(Protocol):
    """What earlier passes saw; `edge.memory.SiteMemory` is one."""

    def recall(self, stretch: StretchId, things: Sequence[Sighting]) -> Mapping[str, SeenBefore]: ...

    def remember(self, stretch: StretchId, things: Iterable[Sighting]) -> None: ...


class Verdicts:
    """Judges the tracks of one source, and reports those that break an order."""

    def __init__(
        self,
        plan: Plan,
        source: SourceName,
        number: int,
        outbox: Reports,
        memory: Memory,
        tally: Tally,
        *,
        stretch: Stretch | None = None,
        told: Callable[[Hit], bool] | None = None,
        originals: Originals | None = None,
    ) -> None:
        """Use one for each source.

        Args:
            number: of the source within the patrol, from 0.
            stretch: gathers what is judged together; by default as for a recording.
            told: whether a hit was reported already, by a camera that has not moved since; it is then left out.
            originals: keeps the unblurred originals of reports; a patrol over recordings has none.
        """
        self._plan = plan
        self._source = source
        self._number = number
        self._memory = memory
        self._judged = 0
        self._outbox = outbox
        self._tally = tally
        self._told = told
        self._originals = originals
        self._pass = 0
        self._stretch = stretch or Stretch(gather_gap_s(plan.site))
        self._best = BestFrames()
        self._places: dict[str, Place | Unplaced] = {}
        self._placing = Placing(plan.site, plan.camera)
        # A camera that stands is never moved, whatever its pictures are judged as.
        standing = plan.camera.observed_by == "fixed"
        self._register = PassRegister(plan.site, "fixed" if standing else plan.observed_by, tally.shifts, plan.gnss)

    def take(self, update: TrackUpdate) -> None:
        """What one frame did to the tracks."""
        self._stretch.take(update)
        self._best.forget(update.dropped)
        for track in update.finished:
            self._tally.tracks += 1
            place = self._places[track.track_id] = self._placing.place(track)
            # A place that may still be moved onto the map decides nothing yet.
            hit = self._at_worst(track, None if self._register.may_move(place) else place)
            # What is allowed on its own stays allowed in a row; only a full bay can still turn against it.
            if hit is None or (hit.outcome is Outcome.ALLOWED and not hit.zone_ids):
                self._best.forget((track.track_id,))

    def offer(self, frame: Frame, found: Detections, assignments: tuple[tuple[str, int], ...]) -> None:
        """One more picture that may be the best of some tracks."""
        self._best.offer(frame, found, assignments)

    def ripe(self, frame: Frame) -> bool:
        """Whether what was taken can be judged without waiting for more."""
        return self._stretch.ripe(frame.captured_at) or self._best.kept_bytes > PICTURES_MAX_BYTES

    def judge(self) -> None:
        """Judge what was taken, put the reports into the outbox, and remember."""
        batch = {track.track_id: track for track in self._stretch.release()}
        plan = self._plan
        places = self._placing.registered(batch, self._register.registered(batch, self._places))
        stretch, self._judged = StretchId(self._number, self._judged), self._judged + 1
        seen = self._sightings(batch.values(), places)
        earlier = self._memory.recall(stretch, seen)
        shown = shown_by_track(tuple(batch.values()), plan.camera, plan.site)
        for hit in judge_tracks(
            tuple(batch.values()), places, plan.site, plan.observed_by, earlier=earlier, shown=shown
        ):
            if hit.look_alike is not None:
                self._tally.look_alikes[hit.look_alike] += hit.count
            elif self._told is None or not self._told(hit):
                self._report(hit, batch)
        self._memory.remember(stretch, seen)
        self._tally.seen_before += len(earlier)
        self._best.forget(batch)
        self._places.clear()

    def _at_worst(self, track: Track, place: Place | Unplaced | None) -> Hit | None:
        """The verdict if the thing had stood there for ever."""
        plan = self._plan
        shown = shown_by_track([track], plan.camera, plan.site)
        return judge(track, place, plan.site, plan.observed_by, earlier={track.track_id: FOR_EVER}, shown=shown)

    def _sightings(self, tracks: Iterable[Track], places: Mapping[str, Place | Unplaced]) -> list[Sighting]:
        """What is worth remembering: things with a place that nothing but a short stay excuses.

        What was permitted is not: when the hours of a pitch end, its vendor's time counts from the first look after.
        """
        seen: list[Sighting] = []
        for track in tracks:
            place = places[track.track_id]
            hit = self._at_worst(track, place)
            if hit is not None and hit.outcome is not Outcome.ALLOWED and isinstance(place, Place):
                seen.append(Sighting.of(track, place, hit.kind, self._plan.camera))
        return seen

    def end_pass(self, update: TrackUpdate) -> None:
        """The pass is over; `update` ends its last tracks."""
        self.take(update)
        self.judge()
        self._register.end_pass()
        self._pass += 1

    def _report(self, hit: Hit, tracks: Mapping[str, Track]) -> None:
        track = hit.track
        key = hit_key(self._plan.patrol_id, self._source.sha256, track.first_seen_at, hit.kind, track.ordinal)
        best = self._best.take(track.track_id)
        if best is None:
            self._tally.partial = True
            self._tally.warnings.append(
                f"{track.track_id}: more things in view than pictures can be kept of; this one is not reported"
            )
            return
        report_id = self._outbox.put(key, self._builder(key, hit, best, tracks))
        if report_id is not None:
            self._tally.reports.append(report_line(str(report_id), key, hit, synthetic=self._plan.synthetic))

    def _builder(self, key: str, hit: Hit, best: BestFrame, tracks: Mapping[str, Track]) -> BodyBuilder:
        """Makes the report's body, with its originals kept first; called again, under a new id, if it did not fit."""
        originals = self._originals
        files = () if originals is None else originals.gather(best, hit.track)
        tried: list[uuid.UUID] = []

        def build(report_id: uuid.UUID) -> tuple[ReportBody, Sequence[EvidenceFile]]:
            kept: tuple[OriginalFile, ...] = ()
            if originals is not None:
                for earlier in tried:
                    originals.forget(earlier)
                tried[:] = [report_id]
                kept = originals.keep(report_id, files)
            return assemble(report_id, key, hit, self._shot(hit, best, tracks), self._origin(), kept)

        return build

    def _shot(self, hit: Hit, best: BestFrame, tracks: Mapping[str, Track]) -> Shot:
        frame = best.frame
        blurred = blur_people(frame.image, best.detections, self._plan.privacy)
        others = (tracks[name] for name in hit.member_track_ids if name != hit.track.track_id)
        boxes = [o.xyxy for track in others for o in track.observations if o.frame_id == frame.frame_id]
        return Shot(
            image=blurred.image,
            blur_method=blurred.method,
            frame_id=frame.frame_id,
            captured_at=frame.captured_at,
            fix=frame.fix,
            subject=(best.xyxy, *boxes),
            detections=best.detections,
        )

    def _origin(self) -> Origin:
        plan = self._plan
        return Origin(
            device_id=self._outbox.device_id,
            patrol_id=plan.patrol_id,
            pass_id=f"{plan.patrol_id}/{self._number}.{self._pass}",
            source_id=self._source.source_id,
            source_sha256=self._source.sha256,
            camera_id=plan.camera.camera_id,
            observed_by=plan.observed_by,
            versions=plan.versions,
            synthetic=plan.synthetic,
        )
