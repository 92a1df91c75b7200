"""What the box does beside watching: sends, shows itself to the rider, keeps originals, follows packs."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import structlog

from detector.errors import KerbwatchError
from detector.evidence.privacy import PrivacyModels, open_privacy_models
from detector.heartbeat import Orders
from edge.box.crew import Crew
from edge.box.health import BoxHealth, LinkHealth
from edge.box.loop import Loop
from edge.box.parts import Parts
from edge.box.settings import BoxSettings, UplinkSettings
from edge.fleet.follow import Follower
from edge.fleet.signs import CameraSigns, Signs
from edge.fleet.store import PackStore
from edge.page.notes import NoteStore
from edge.page.notes_uplink import send_notes
from edge.page.pairing import Pairings
from edge.page.server import PageServer
from edge.uplink.service import UplinkService
from edge.vault.release import VaultReleases
from edge.vault.retention import Retention

_MINUTE_S: Final = 60.0
_EXPIRE_S: Final = 300.0
_LAST_WORDS_S: Final = 5.0

log = structlog.get_logger("box")


class Keeping:
    """Everything of a box that is not its loop. Use `open`; the other methods belong to the main thread."""

    def __init__(self, settings: BoxSettings, packs: PackStore, parts: Parts, follower: Follower | None) -> None:
        self._settings = settings
        self._packs = packs
        self._parts = parts
        self._retention = Retention(parts.vault, parts.time) if parts.vault is not None else None
        self._releases: VaultReleases | None = None
        if parts.vault is not None:
            self._releases = VaultReleases(parts.vault, settings.evidence.release, parts.time)
        self._follower = follower
        self._uplink: UplinkService | None = None
        self._page: PageServer | None = None
        self._asked: tuple[uuid.UUID, ...] = ()
        self._live_s = dict.fromkeys((station.camera_id for station in parts.stations), 0.0)
        self._minute_s = self._expire_s = time.monotonic()

    @contextmanager
    def open(self) -> Iterator[Keeping]:
        """Begin; everything is ended at the end of the block."""
        settings, parts = self._settings, self._parts
        with ExitStack() as stack:
            notes = NoteStore(settings.state, parts.key)
            stack.callback(notes.close)
            if settings.uplink is not None:
                self._uplink = self._sender(settings.uplink, notes)
                self._uplink.start()
                stack.callback(self._uplink.stop)
            if settings.page is not None:
                pairings = Pairings(settings.state)
                stack.callback(pairings.close)
                self._page = PageServer(
                    settings.page, parts.board, notes, pairings=pairings, privacy=_own_privacy(settings)
                )
                self._page.start()
                stack.callback(self._page.stop)
                log.info("the rider's page is up", address=self._page.address)
            yield self

    def start(self, crew: Crew) -> None:
        """Begin what runs in the crew's threads."""
        if self._follower is not None:
            crew.start("packs", self._follower.work)
        if self._parts.layer is not None:
            crew.start("coverage", self._parts.layer.work)

    def last_words(self) -> None:
        """Give the uplink some seconds for the reports that were made while the box ended."""
        until_s = time.monotonic() + _LAST_WORDS_S
        outbox = self._parts.outbox
        while self._uplink is not None and time.monotonic() < until_s and outbox.counts().queued:
            time.sleep(0.1)

    def check(self) -> None:
        """Raise what ended a thread, if something did."""
        if self._uplink is not None:
            self._uplink.check()
        if self._page is not None and not self._page.alive:
            raise RuntimeError("the rider's page ended by itself")

    def link(self) -> LinkHealth | None:
        """The way to the server; `None` on a box without one."""
        return self._uplink.health() if self._uplink is not None else None

    def second(self, health: BoxHealth, loop: Loop) -> bool:
        """Another second has gone by; True when the box must start again."""
        for camera in health.cameras:
            self._live_s[camera.camera_id] += camera.status.state == "live"
        if self._follower is not None:
            trouble = self._follower.trouble
            self._parts.alarms.tell("pack_refused", on=bool(trouble), figure=trouble)
            if self._follower.restart.is_set():
                return True
        now_s = time.monotonic()
        if now_s - self._expire_s >= _EXPIRE_S:
            self._expire_s = now_s
            self._expire()
        if now_s - self._minute_s >= _MINUTE_S:
            self._minute_s = now_s
            return self._packs.alive(self._signs(loop))
        return False

    def _signs(self, loop: Loop) -> Signs:
        stations = {station.camera_id: station for station in self._parts.stations}
        cameras = {
            name: CameraSigns(self._live_s[name], station.health().looks, station.found)
            for name, station in stations.items()
        }
        return Signs(loop.look_s, cameras)

    def _expire(self) -> None:
        if self._retention is None:
            return
        try:
            gone = self._retention.expire()
        except KerbwatchError as error:
            log.warning("originals whose time is over could not be deleted", why=str(error))
            return
        if gone:
            log.info("originals whose time was over were deleted", count=gone)

    def _sender(self, settings: UplinkSettings, notes: NoteStore) -> UplinkService:
        parts = self._parts
        return UplinkService(
            parts.outbox,
            self._settings.state,
            settings,
            parts.time,
            parts.board.health,
            self._on_orders,
            self._asks,
            self._releases,
            zone=parts.site.timezone,
            answers=self._releases.answers if self._releases is not None else tuple,
            packs=self._follower,
            notes=lambda client, may_send: send_notes(client, notes, may_send),
        )

    def _asks(self) -> tuple[uuid.UUID, ...]:
        self._asked = self._retention.due() if self._retention is not None else ()
        return self._asked

    def _on_orders(self, orders: Orders) -> None:
        if self._retention is not None:
            self._retention.answered(self._asked, orders)
        if self._releases is not None:
            self._releases.ordered(orders)
        if self._follower is not None:
            self._follower.order(orders.pack)


def _own_privacy(settings: BoxSettings) -> PrivacyModels:
    """Networks for the page's threads alone: those of the judging thread are not for two at once."""
    return open_privacy_models(settings.face_model, settings.plate_model)
