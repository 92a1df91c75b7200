"""A page served for a box that a test moves about: the real server, store and pairing over a board."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np

from detector.detections import Detections
from detector.evidence.seal import DeviceKey
from detector.frame import Fix, Frame, Image
from edge.box.settings import PageSettings
from edge.page.feed import Board, report_line
from edge.page.notes import NoteStore
from edge.page.pairing import Pairings
from edge.page.server import PageServer
from edge.parcels import EvidenceFile
from tests.edge import reports
from tests.edge.healthy import healthy

CUES = ("person", "bicycle")
SPOT = Fix(117.2, 31.8, 1.5, datetime(2026, 5, 17, 1, 30, tzinfo=UTC))


def street(width_px: int = 1920, height_px: int = 1080) -> Image:
    """Fine noise everywhere: whatever is blurred shows."""
    return np.random.default_rng(0).integers(0, 255, (height_px, width_px, 3), np.uint8)


def found(person: bool = True) -> Detections:
    """A person at the left, a bicycle at the right, of a 1920 px wide picture."""
    return Detections(
        np.array([[300, 200, 500, 900], [1200, 500, 1700, 900]], np.float32)[0 if person else 1 :],
        np.array([0.9, 0.8], np.float32)[0 if person else 1 :],
        np.array([0, 1])[0 if person else 1 :],
        CUES,
    )


@dataclass
class Box:
    """The box behind a page: `beat` says how it does, every half second, until it is said anew."""

    board: Board
    notes: NoteStore
    pairings: Pairings
    page: PageServer
    clock: dict[str, float]
    says: dict[str, Any] = field(default_factory=dict)

    def beat(self, **changes: Any) -> None:
        """Another word of the box, from now on."""
        self.says = changes
        self._beat()

    def until_free(self) -> None:
        """Wait until buttons are back."""
        until_s = time.monotonic() + 15
        while self.page._moving and time.monotonic() < until_s:  # what phones are told, without asking for one
            time.sleep(0.05)

    def _beat(self) -> None:
        health = healthy(**{"at": datetime.now(UTC), "monotonic_s": time.monotonic(), **self.says})
        self.board.beat(health, SPOT)

    def look(self, seq: int = 1, image: Image | None = None, detections: Detections | None = None) -> None:
        """The camera has seen something."""
        frame = Frame(street() if image is None else image, seq, datetime.now(UTC), time.monotonic(), "front")
        self.board.looked("front", frame, found() if detections is None else detections)

    def report(self, ordinal: int = 1, jpeg: bytes | None = None) -> uuid.UUID:
        """A report lies in the outbox."""
        report_id = uuid.uuid4()
        file = EvidenceFile.of(jpeg or reports.picture(ordinal), ".jpg")
        body = reports.body(ordinal, report_id, "ab" * 32, [file])
        self.board.reported(report_line(body, [file]))
        return report_id

    @contextlib.contextmanager
    def phone(self, *, paired: bool = True) -> Iterator[httpx.Client]:
        """A phone."""
        with httpx.Client(base_url=self.page.address, timeout=10) as client:
            if paired:
                assert client.post("/api/pair", json={"code": self.pairings.new_code()}).status_code == 200
                client.headers["X-CSRF-Token"] = client.get("/api/state").json()["csrf"]
            yield client


@contextlib.contextmanager
def box_with_page(folder: Path, **settings: Any) -> Iterator[Box]:
    """A box that stands, and its page."""
    clock = {"s": 0.0}
    board, key, over = Board(), DeviceKey.generate(), threading.Event()
    with (
        NoteStore(folder, key, clock=lambda: clock["s"]) as notes,
        Pairings(folder) as pairings,
        PageServer(PageSettings(port=0, **settings), board, notes, pairings=pairings) as page,
    ):
        box = Box(board, notes, pairings, page, clock)
        box.beat()

        def live() -> None:
            while not over.wait(0.5):
                box._beat()

        thread = threading.Thread(target=live, name="health")
        thread.start()
        try:
            box.until_free()
            yield box
        finally:
            over.set()
            thread.join()


def decoded(jpeg: bytes) -> Image:
    """The picture of a JPEG."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)
