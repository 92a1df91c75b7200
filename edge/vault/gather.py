"""Originals of live reports: the picture as the camera gave it, and the clip around it, kept in the vault."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from detector.errors import TransientError
from detector.evidence.best_frame import BestFrame
from detector.tracks import Track
from edge.box.settings import EvidenceSettings
from edge.originals import OriginalFile
from edge.vault.vault import Vault

if TYPE_CHECKING:
    from edge.sources.live.picture import LiveCamera

log = structlog.get_logger("box")


class VaultOriginals:
    """`edge.originals.Originals` of one camera."""

    def __init__(self, vault: Vault, camera: LiveCamera | None, settings: EvidenceSettings, folder: Path) -> None:
        """Use one for each camera.

        Args:
            camera: cuts the clips; without one only pictures are kept.
            folder: where a clip lies, in clear, for the moment between being cut and being sealed: best a tmpfs.
        """
        self.trouble = ""
        """Why originals of a report were not kept, "" once they are again."""
        self._vault = vault
        self._camera = camera
        self._settings = settings
        self._folder = folder

    def ready(self, captured_at: datetime, now: datetime) -> bool:
        """Whether the clip around a picture can be whole by now."""
        return now - captured_at >= timedelta(seconds=self._settings.clip_after_s)

    def gather(self, best: BestFrame, track: Track) -> tuple[OriginalFile, ...]:
        """See `edge.originals.Originals`."""
        del track
        frame = best.frame
        height_px, width_px = frame.image.shape[:2]
        picture = OriginalFile(
            best.jpeg,
            "frame",
            "image/jpeg",
            frame.frame_id,
            frame.captured_at,
            frame.captured_at,
            width_px,
            height_px,
        )
        clip = self._clip(best)
        return (picture,) if clip is None else (picture, clip)

    def keep(self, report_id: uuid.UUID, files: tuple[OriginalFile, ...]) -> tuple[OriginalFile, ...]:
        """See `edge.originals.Originals`: in the order given, as long as there is room."""
        kept: list[OriginalFile] = []
        for file in files:
            try:
                self._vault.put(report_id, file)
            except TransientError as error:
                if not self.trouble:
                    log.warning("originals are not kept", why=str(error))
                self.trouble = str(error)
                return tuple(kept)
            kept.append(file)
        self.trouble = ""
        return tuple(kept)

    def forget(self, report_id: uuid.UUID) -> None:
        """See `edge.originals.Originals`."""
        self._vault.forget(report_id)

    def _clip(self, best: BestFrame) -> OriginalFile | None:
        settings, frame = self._settings, best.frame
        if self._camera is None or settings.clip_before_s + settings.clip_after_s == 0:
            return None
        try:
            clip = self._camera.clip(
                frame.captured_at, before_s=settings.clip_before_s, after_s=settings.clip_after_s, folder=self._folder
            )
        except TransientError as error:
            # A report goes out without its clip rather than not at all.
            self.trouble = str(error)
            return None
        if clip is None:
            return None
        try:
            data = clip.path.read_bytes()
        finally:
            clip.path.unlink(missing_ok=True)
        return OriginalFile(
            data, "clip", "video/mp4", frame.frame_id, clip.begins_at, clip.ends_at, clip.width_px, clip.height_px
        )
