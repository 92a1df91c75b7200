"""Following the server's packs: the offer in a heartbeat's answer becomes a download, an install, and a restart.

Three of the box's threads have a part: the uplink tells the offer (`order`) and fetches piece by piece (`step`) when
nothing else is to be sent; a thread of its own checks, tries and switches (`work`); the box's main thread sees
`restart` and ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from detector.errors import KerbwatchError, PackError, TransientError
from detector.heartbeat import PackOffer
from edge.box.settings import BoxSettings
from edge.fleet.fetch import PIECE_BYTES, Download, OfferGone
from edge.fleet.install import PackFailed, check_version, install
from edge.fleet.store import PackStore
from edge.fleet.trial import Task, TrialResult, run_apart
from edge.wire import LinkError, ServerBusy, ServerClient, TooLarge
from edge.wire_bytes import on_the_link

_WAIT_S: Final = 1.0
_PIECE_COST_BYTES: Final = on_the_link(PIECE_BYTES) + 16 * 1024
AGAIN_S: Final = 600.0
"""After a disk that was full, or a pack that was refused for a reason that may pass."""


class Life(Protocol):
    """What a thread of the box shows that it lives by; see `edge.box.crew.Pulse`."""

    def beat(self) -> None:
        """It lives."""
        ...

    @property
    def over(self) -> bool:
        """Whether it should end."""
        ...


class Follower:
    """Takes the packs that the server offers. See the module's docstring for who calls what."""

    def __init__(
        self,
        store: PackStore,
        settings: BoxSettings,
        *,
        device_id: str,
        default_model: Path,
        try_out: Callable[..., TrialResult] = run_apart,
    ) -> None:
        """Prepare it.

        Args:
            store: one of its own, not the one that the box's main thread has.
            settings: the box's own, without any pack.
            default_model: bundle that the box runs without `settings.model` and without a pack.
        """
        self.restart = threading.Event()
        """Set when another pack was switched to and the box should end and start again."""
        self._store = store
        self._settings = settings
        self._device_id = device_id
        self._default_model = default_model
        self._try_out = try_out
        self._mutex = threading.Lock()
        self._wanted: PackOffer | None = None
        self._download: Download | None = None
        self._fetched = threading.Event()
        self._refused: dict[str, float] = {}
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """What keeps the offered pack from being used, "" when nothing does."""
        return self._trouble

    def order(self, offer: PackOffer | None) -> None:
        """What the server would have the box run; told after each heartbeat, in any thread."""
        with self._mutex:
            if self.restart.is_set() or self._fetched.is_set():
                return
            self._wanted = offer if offer is not None and self._is_new(offer) else None

    def step(self, client: ServerClient, *, metered: bool = False, room_bytes: int | None = None) -> bool:
        """Fetch a piece more, in the uplink's thread; False when there is nothing to fetch, or not over this link.

        A link that is paid for by the byte carries a pack only where the settings say so, within the day's budget.

        Raises:
            TransientError, PermanentError: see `edge.wire`.
        """
        with self._mutex:
            offer = None if self._fetched.is_set() or self.restart.is_set() else self._wanted
        if offer is None or (metered and not self._settings.fleet.over_metered):
            return False
        if room_bytes is not None and room_bytes < _PIECE_COST_BYTES:
            return False
        try:
            if self._download is None or self._download.offer != offer:
                self._download = Download(offer, self._store.places.incoming)
            if not self._download.done:
                self._download.step(client)
        except OfferGone as error:
            self._put_off(offer, str(error))
            return True
        except (LinkError, ServerBusy, TooLarge):
            raise
        except TransientError as error:  # the disk, not the link
            self._put_off(offer, str(error))
            return True
        if self._download.done:
            self._fetched.set()
        return True

    def work(self, life: Life) -> None:
        """The thread that installs what was fetched; returns when the box ends or should."""
        while not life.over and not self.restart.is_set():
            if not self._fetched.wait(_WAIT_S):
                continue
            self._install(life)
            with self._mutex:
                self._wanted = self._download = None
                self._fetched.clear()

    def _install(self, life: Life) -> None:
        download = self._download
        if download is None:
            return
        offer = download.offer

        def try_out(task: Task) -> TrialResult:
            return self._try_out(task, beat=life.beat, over=lambda: life.over)

        try:
            file = download.finish()
            life.beat()
            installed = install(
                file,
                self._store,
                self._settings,
                device_id=self._device_id,
                default_model=self._default_model,
                try_out=try_out,
                beat=life.beat,
            )
            file.unlink(missing_ok=True)
        except (PackFailed, PackError) as error:
            download.part.unlink(missing_ok=True)
            # What is remembered by the store is not offered an ear again; the rest may be mended at the box (a key).
            self._refuse(offer, str(error), float("inf"))
        except KerbwatchError as error:
            self._refuse(offer, str(error), AGAIN_S)
        else:
            self._trouble = ""
            if not installed.again:
                self.restart.set()

    def _is_new(self, offer: PackOffer) -> bool:
        if time.monotonic() < self._refused.get(offer.sha256, 0.0):
            return False
        state = self._store.state()
        if state.current is not None and state.current.sha256 == offer.sha256:
            self._trouble = ""
            return False
        try:
            check_version(state, offer.version, offer.sha256)
        except PackError as error:
            self._trouble = str(error)
            return False
        return True

    def _put_off(self, offer: PackOffer, trouble: str) -> None:
        with self._mutex:
            self._wanted = None
        self._download = None
        self._refuse(offer, trouble, AGAIN_S)

    def _refuse(self, offer: PackOffer, trouble: str, wait_s: float) -> None:
        self._trouble = trouble
        self._refused = {offer.sha256: time.monotonic() + wait_s}
