"""The tracker: ByteTrack's two-stage association (Zhang et al., ECCV 2022) on seconds instead of frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.boxes import iou_matrix
from detector.detections import Detections
from detector.errors import InputError
from detector.frame import Frame
from detector.geo.camera import VehicleCamera
from detector.tracking.associate import assign, cue_groups, lonely_pairs
from detector.tracking.background import STILL, UNKNOWN, Background, BackgroundMotion
from detector.tracking.companions import as_box, companions
from detector.tracking.kalman import BoxFilter
from detector.tracking.live import LiveTrack
from detector.tracking.standing import StandingLook, StandingWorld
from detector.tracking.standstill import Standstill
from detector.tracks import Observation, Track

_YOUNG_HITS = 2


@dataclass(frozen=True, slots=True)
class TrackerLimits:
    """What the tracker believes.

    Attributes:
        lost_s: a track unseen for longer ends. Longer keeps ids through occlusion, but merges two bikes that swap
            places, and reports come later.
        tentative_s: the same for a track not yet confirmed.
        lost_looks: nor does it end before it was missed in so many frames, however long they are apart.
        sparse_s: looks further apart than this are linked by how the vehicle moved, where that is known.
        confirm_hits: frames a thing must be seen in. 1 suits folders of single pictures.
        confirm_confidence: what its confidences must add up to; faint things need more frames.
        sure_confidence: boxes from here on are matched first; fainter ones only continue what is nearby.
        iou_min: overlap with the predicted place that continues a track. Lower follows faster things, but swaps
            neighbours in a row.
        iou_min_faint: the same for fainter boxes.
        same_iou: an unmatched box overlapping a matched one of its cue group this much is the same thing seen twice.
    """

    lost_s: float = 2.0
    tentative_s: float = 0.5
    lost_looks: int = 1
    sparse_s: float = 0.15
    confirm_hits: int = 2
    confirm_confidence: float = 0.8
    sure_confidence: float = 0.45
    iou_min: float = 0.3
    iou_min_faint: float = 0.35
    same_iou: float = 0.65

    def __post_init__(self) -> None:
        if not (self.lost_s >= self.tentative_s >= 0):
            raise InputError(
                f"lost_s is {self.lost_s}, tentative_s {self.tentative_s}; give lost_s >= tentative_s >= 0"
            )
        if self.confirm_hits < 1:
            raise InputError(f"confirm_hits is {self.confirm_hits}; give 1 or more")
        for name in ("sure_confidence", "iou_min", "iou_min_faint", "same_iou"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise InputError(f"{name} is {value}; give a number above 0, up to 1")


@dataclass(frozen=True, slots=True)
class TrackUpdate:
    """What one frame did to the tracks.

    Attributes:
        assignments: (track id, index of its box in the detections), by ordinal; tracks not yet confirmed included.
        finished: confirmed tracks that ended, by ordinal.
        dropped: ids of tracks that ended without ever being confirmed: forget what was kept for them.
    """

    assignments: tuple[tuple[str, int], ...] = ()
    finished: tuple[Track, ...] = ()
    dropped: tuple[str, ...] = ()


class Tracker:
    """Links the detections of one source into tracks.

    Ids are ``{source_id}/{scene}/{ordinal}``; ordinals count things as they first appear, boxes of one frame in the
    detector's order, so the same frames and detections always give the same ids. Memory is bounded by what is in
    view and by `TrackerLimits.lost_s`.

    Args:
        source_id: stable name of the source.
        cue_names: the model's cues in index order.
        limits: `TrackerLimits`.
        standing_camera: the camera is fixed to something that stands, so no motion is looked for in the picture:
            quicker, and nothing that drives through can pass for it. Never set it for a vehicle or a hand.
        camera: on a vehicle: where a frame comes with a fix that tells how the vehicle moved, what stands is expected
            where it must appear now, however far the vehicle drove between two looks.
    """

    def __init__(
        self,
        source_id: str,
        cue_names: tuple[str, ...],
        limits: TrackerLimits | None = None,
        *,
        standing_camera: bool = False,
        camera: VehicleCamera | None = None,
    ) -> None:
        self._source_id = source_id
        self._cue_names = cue_names
        self._groups = cue_groups(cue_names)
        self._limits = limits or TrackerLimits()
        self._motion = None if standing_camera else BackgroundMotion()
        self._world = StandingWorld(camera) if camera is not None else None
        self._live: list[LiveTrack] = []
        self._next_ordinal = 0
        self._scene: int | None = None
        self._at_s = 0.0

    def update(self, frame: Frame, detections: Detections) -> TrackUpdate:
        """Take in the next frame and what was seen in it.

        Raises:
            InputError: the frame's clock went back, or the detections are of another model.
        """
        self._check(frame, detections)
        ended = self._end_all() if frame.scene != self._scene else []
        self._scene = frame.scene
        background = self._background(frame, detections)
        look = self._look_around(frame)
        self._predict(frame.monotonic_s, background)
        if look is not None:
            self._expect_standing(look, detections)
        matched = self._match(detections)
        for index in self._unmatched(matched, detections):
            matched[index] = self._begin(detections, index, frame)
        self._see(frame, detections, matched, look)
        ended += self._end_lost(frame.monotonic_s)
        assignments = sorted((track.ordinal, track.track_id, index) for index, track in matched.items())
        return self._report(ended, tuple((track_id, index) for _, track_id, index in assignments))

    def flush(self) -> TrackUpdate:
        """End every track: the source is over."""
        return self._report(self._end_all(), ())

    def _check(self, frame: Frame, detections: Detections) -> None:
        if detections.cue_names != self._cue_names:
            raise InputError(f"detections name cues {detections.cue_names}, the tracker {self._cue_names}")
        if self._scene is not None and frame.monotonic_s < self._at_s:
            raise InputError(
                f"frame {frame.frame_id} is at {frame.monotonic_s} s, the one before at {self._at_s} s: "
                "a source's clock must not go back"
            )

    def _background(self, frame: Frame, detections: Detections) -> Background:
        if self._motion is None:
            return STILL
        if not self._live and not len(detections):
            self._motion.reset()
            return UNKNOWN
        return self._motion.update(frame.image, detections.xyxy, frame.monotonic_s)

    def _predict(self, at_s: float, background: Background) -> None:
        dt_s = at_s - self._at_s if self._live else 0.0
        self._at_s = at_s
        for track in self._live:
            track.box.predict(dt_s, background.affine, lost=track.lost)
            track.standstill.carry(background)

    def _look_around(self, frame: Frame) -> StandingLook | None:
        """From where the vehicle is now; `None` where looks are so close that boxes overlap, and when nobody knows."""
        if self._world is None or frame.monotonic_s - self._at_s < self._limits.sparse_s:
            return None
        return self._world.look(frame)

    def _expect_standing(self, look: StandingLook, detections: Detections) -> None:
        known = [(track, track.standing) for track in self._live if track.standing and look.knows(track.standing)]
        if not known:
            return
        cue = np.array([track.cue for track, _ in known], np.int64)
        possible = self._groups[cue][:, None] == self._groups[detections.cue]
        boxes = look.expected([thing for _, thing in known], detections.xyxy.astype(np.float64), possible)
        for (track, _), xyxy in zip(known, boxes, strict=True):
            if np.isfinite(xyxy).all():
                track.box.stand_at(xyxy)

    def _match(self, detections: Detections) -> dict[int, LiveTrack]:
        """Track by index of its box: sure boxes first, faint ones next, then what moved clear of its last box."""
        limits = self._limits
        sure = np.flatnonzero(detections.confidence >= limits.sure_confidence)
        faint = np.flatnonzero(detections.confidence < limits.sure_confidence)
        matched = self._stage(self._live, sure, detections, limits.iou_min)
        taken = {track.ordinal for track in matched.values()}
        rest = [track for track in self._live if track.ordinal not in taken]
        matched |= self._stage(rest, faint, detections, limits.iou_min_faint)
        return matched | self._lonely(matched, detections)

    def _stage(
        self, tracks: list[LiveTrack], indices: NDArray[np.int64], detections: Detections, iou_min: float
    ) -> dict[int, LiveTrack]:
        if not tracks:
            return {}
        pairs = assign(
            np.stack([track.box.xyxy for track in tracks]),
            np.stack([track.box.seen for track in tracks]),
            np.array([track.cue for track in tracks], np.int64),
            detections.xyxy[indices].astype(np.float64),
            detections.cue[indices],
            self._groups,
            iou_min=iou_min,
        )
        return {int(indices[d]): tracks[t] for t, d in pairs}

    def _lonely(self, matched: dict[int, LiveTrack], detections: Detections) -> dict[int, LiveTrack]:
        """Young tracks, whose speed is not known yet, by index of the one box near them."""
        taken = {track.ordinal for track in matched.values()}
        if all(track.hits > _YOUNG_HITS or track.ordinal in taken for track in self._live):
            return {}
        pairs = lonely_pairs(
            np.stack([track.box.xyxy for track in self._live]),
            np.array([track.cue for track in self._live], np.int64),
            detections.xyxy.astype(np.float64),
            detections.cue,
            self._groups,
        )
        found = {d: self._live[t] for t, d in pairs if d not in matched}
        return {d: track for d, track in found.items() if track.hits <= _YOUNG_HITS and track.ordinal not in taken}

    def _unmatched(self, matched: dict[int, LiveTrack], detections: Detections) -> list[int]:
        """Indices of boxes that begin a track: neither matched nor a second box on a thing that has one."""
        begin: list[int] = []
        taken = sorted(matched)
        iou = iou_matrix(detections.xyxy, detections.xyxy)
        group = self._groups[detections.cue]
        for i in range(len(detections)):
            if i in matched:
                continue
            if not any(iou[i, j] >= self._limits.same_iou and group[i] == group[j] for j in taken):
                begin.append(i)
                taken.append(i)
        return begin

    def _begin(self, detections: Detections, index: int, frame: Frame) -> LiveTrack:
        ordinal, self._next_ordinal = self._next_ordinal, self._next_ordinal + 1
        xyxy = detections.xyxy[index].astype(np.float64)
        track = LiveTrack(
            track_id=f"{self._source_id}/{frame.scene}/{ordinal}",
            ordinal=ordinal,
            scene=frame.scene,
            box=BoxFilter(xyxy),
            standstill=Standstill(xyxy, frame.monotonic_s),
            last_at_s=frame.monotonic_s,
        )
        self._live.append(track)
        return track

    def _see(
        self, frame: Frame, detections: Detections, matched: dict[int, LiveTrack], look: StandingLook | None
    ) -> None:
        height_px, width_px = frame.image.shape[:2]
        track_ids = {index: track.track_id for index, track in matched.items()}
        for track in self._live:
            track.lost = True
            track.misses += 1
            track.looks += 1
        for index, track in matched.items():
            xyxy, confidence = detections.xyxy[index].astype(np.float64), float(detections.confidence[index])
            track.see(xyxy, int(detections.cue[index]), confidence, frame.monotonic_s)
            track.standstill.observe(xyxy, frame.monotonic_s, width_px, height_px)
            if look is not None:
                track.standing = look.seen(track.standing, xyxy)
            track.observations.append(
                Observation(
                    frame_id=frame.frame_id,
                    seq=frame.seq,
                    captured_at=frame.captured_at,
                    xyxy=as_box(detections, index),
                    confidence=confidence,
                    cue=self._cue_names[int(detections.cue[index])],
                    fix=frame.fix,
                    frame_width_px=width_px,
                    frame_height_px=height_px,
                    companions=companions(detections, index, track_ids),
                )
            )
            self._confirm(track)
        self._meet(list(matched.values()))

    def _confirm(self, track: LiveTrack) -> None:
        sure = sum(track.confidence_by_cue.values()) >= self._limits.confirm_confidence
        track.confirmed |= track.hits >= self._limits.confirm_hits and (sure or self._limits.confirm_hits == 1)

    def _meet(self, tracks: list[LiveTrack]) -> None:
        for track in tracks:
            for other in tracks:
                if other is not track:
                    track.meet(other)

    def _end_lost(self, at_s: float) -> list[LiveTrack]:
        limits = self._limits
        ended = [
            track
            for track in self._live
            if track.misses >= limits.lost_looks
            and at_s - track.last_at_s > (limits.lost_s if track.confirmed else limits.tentative_s)
        ]
        return self._end(ended)

    def _end_all(self) -> list[LiveTrack]:
        if self._motion is not None:
            self._motion.reset()
        if self._world is not None:
            self._world.reset()
        return self._end(list(self._live))

    def _end(self, ended: list[LiveTrack]) -> list[LiveTrack]:
        gone = {track.ordinal for track in ended}
        self._live = [track for track in self._live if track.ordinal not in gone]
        # What was never confirmed was nothing: it must not stand in another track's list.
        noise = [track.ordinal for track in ended if not track.confirmed]
        for track in (*self._live, *ended):
            for ordinal in noise:
                track.seen_with.pop(ordinal, None)
        return ended

    def _report(self, ended: list[LiveTrack], assignments: tuple[tuple[str, int], ...]) -> TrackUpdate:
        ended = sorted(ended, key=lambda track: track.ordinal)
        return TrackUpdate(
            assignments=assignments,
            finished=tuple(track.finish(self._cue_names) for track in ended if track.confirmed),
            dropped=tuple(track.track_id for track in ended if not track.confirmed),
        )
