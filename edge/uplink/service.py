"""The box's uplink: runs for ever in a thread of its own, whatever the link and the server do.

What is sent, in this order: the heartbeat when it is due, the JSON of all reports, stills, clips, the server's word on
each report, originals that were asked for. Every error ends in a wait and a line in `health().trouble`; none ends the
thread, and none discards anything:

- refused (401, 403): nothing is sent for an hour, or until the device is enrolled anew (`enrolment.json` changes);
- no Kerbwatch server, a redirect, a captive portal: nothing is followed, tried again after a minute;
- no answer, or `Retry-After`: everything waits;
- another interface: a new connection at once, and every wait is over.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Final

from detector.errors import KerbwatchError, TransientError
from detector.heartbeat import Orders, OriginalAnswer
from detector.vocabulary import Text
from edge.box.health import BoxHealth, LinkHealth
from edge.box.settings import UplinkSettings
from edge.device import ENROLMENT_FILE
from edge.outbox import Outbox
from edge.parcels import Load
from edge.server_clock import ServerClock
from edge.true_time import TrueTime
from edge.uplink.budget import DayBudget
from edge.uplink.enrol import connect
from edge.uplink.heartbeat import heartbeat_of, send_heartbeat
from edge.uplink.originals import OriginalSender, Releases
from edge.uplink.pace import Pace
from edge.uplink.packs import Packs
from edge.uplink.route import interface_to, is_metered
from edge.uplink.rules import Rules
from edge.uplink.sender import Sender
from edge.wire import NotEnrolled, ServerClient, Timeouts
from edge.wire_bytes import on_the_link

REFUSED_S: Final = 3600.0
_WRONG_S: Final = 60.0
_ROUTE_S: Final = 10.0
_IDLE_S: Final = 1.0
"""How long a new report may lie before it is noticed."""
_BUDGET_BEAT_S: Final = 600.0
"""Under a byte budget no heartbeat comes sooner: with its new connection each costs some 8 kB."""
_LAST_WORDS_S: Final = 3600.0
_NO_HEARTBEATS_S: Final = 3600.0
_HANGS_S: Final = 900.0
"""A chunk on the worst link that still moves takes some eight minutes (`Timeouts.silence_s` for every 16 KiB)."""

_REFUSED = Text("服务器不认本终端的令牌，请重新登记；数据全部保留", "the server refuses this device; enrol it again")
_SPENT = Text("今日流量用完，明日继续", "today's bytes are used up; it goes on tomorrow")


@dataclass(slots=True)
class _Link:
    """The connection to the server and what uses it."""

    client: ServerClient
    sender: Sender
    originals: OriginalSender | None


class UplinkService:
    """Sends the outbox for ever; `start` and `stop` belong to the owner's thread, `health` to any."""

    def __init__(
        self,
        outbox: Outbox,
        state_dir: Path,
        settings: UplinkSettings,
        true_time: TrueTime,
        health: Callable[[], BoxHealth | None],
        on_orders: Callable[[Orders], None],
        asks: Callable[[], Sequence[uuid.UUID]],
        releases: Releases | None = None,
        *,
        zone: tzinfo,
        answers: Callable[[], Sequence[OriginalAnswer]] = tuple,
        packs: Packs | None = None,
        notes: Callable[[ServerClient, Callable[[int], bool]], object] | None = None,
        pace: Pace | None = None,
        timeouts: Timeouts | None = None,
        route: Callable[[str], str | None] = interface_to,
    ) -> None:
        """Prepare it; nothing is sent before `start`.

        Args:
            state_dir: holds the enrolment.
            health: what the heartbeat tells; `None` as long as nothing is known.
            on_orders: gets the server's answer to each heartbeat, in the uplink's thread; must be quick.
            asks: reports whose originals will soon be deleted, for the heartbeat.
            releases: originals that were let go; `None` sends none.
            answers: originals that were asked for and will not come, for the heartbeat.
            packs: fetches what the server offers; `None` fetches nothing.
            notes: sends what the rider noted down, after each heartbeat; asks for each whether it may go.
            zone: of the site; the byte budget's day begins at its midnight.
            route: names the interface towards the server's URL.
        """
        self._outbox = outbox
        self._state_dir = state_dir
        self._settings = settings
        self._true_time = true_time
        self._told_health = health
        self._on_orders = on_orders
        self._asks = asks
        self._answers = answers
        self._releases = releases
        self._packs = packs
        self._notes = notes
        self._pace = pace or Pace()
        self._timeouts = timeouts
        self._route = route
        self._budget = DayBudget(outbox, settings, true_time, zone)
        self._rules = Rules(settings, self._budget, self._pace, self._comes_first)
        self._clock = ServerClock(true_time.heard_server)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._link: _Link | None = None
        self._interface: str | None = None
        self._way_changed = False
        self._enrolled: tuple[int, int] | None = None
        self._blocked_until_s = 0.0
        self._route_due_s = 0.0
        self._beat_due_s = 0.0
        self._answered_s: float | None = None
        self._refused = False
        self._trouble = ""
        self._alive_s = time.monotonic()
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 45.0) -> None:
        """End at the next step; waits for the request under way, at most so long."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def check(self) -> None:
        """Raise what ended the thread, if something did, or that it hangs.

        Raises:
            RuntimeError: a mistake in the program, as its cause tells.
        """
        if self._failure is not None:
            raise RuntimeError("the uplink's thread ended") from self._failure
        if self._thread.is_alive() and self.alive_age_s > _HANGS_S:
            raise RuntimeError(f"the uplink's thread hangs: nothing from it for {self.alive_age_s:.0f} s")

    @property
    def alive_age_s(self) -> float:
        """Since the thread last came round, or began a chunk or a note; a request on a bad link may last minutes."""
        return time.monotonic() - self._alive_s

    def health(self) -> LinkHealth:
        """How the way to the server is now."""
        best = self._clock.best()
        answered_s = self._answered_s
        return LinkHealth(
            contact_age_s=None if answered_s is None else time.monotonic() - answered_s,
            metered=self._budget.metered,
            sent_today_bytes=self._sent_today_bytes(),
            budget_bytes=self._settings.budget_bytes_per_day,
            clock_offset_s=best[0] if best else None,
            trouble=self._trouble,
            used=True,
            refused=self._refused,
        )

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._alive_s = time.monotonic()
                self._stop.wait(self._guarded_round())
        except BaseException as error:  # noqa: BLE001 (handed to `check`, which raises it where somebody listens)
            self._failure = error
        finally:
            self._hang_up()

    def _guarded_round(self) -> float:
        """One round; gives how long to wait, seconds."""
        try:
            return self._round()
        except NotEnrolled as error:
            self._block(f"{_REFUSED.both()} ({error})", REFUSED_S)
            self._refused = True
        except TransientError as error:
            self._trouble = str(error)
            if self._link is None:
                return _ROUTE_S
            self._link.sender.failed(error)
        except KerbwatchError as error:
            self._block(str(error), _WRONG_S)
        return _IDLE_S

    def _block(self, trouble: str, wait_s: float) -> None:
        self._trouble = trouble
        self._blocked_until_s = time.monotonic() + wait_s
        self._hang_up()

    def _round(self) -> float:
        if self._rerouted() or self._enrolment_stamp() != self._enrolled:
            self._begin_anew()
        if time.monotonic() < self._blocked_until_s:
            return _IDLE_S
        link = self._link or self._connect()
        if link.sender.quiet_s() > 0:
            return min(link.sender.quiet_s(), _IDLE_S)
        did = self._step(link)
        if link.client.answered_s is not None:
            self._answered_s = link.client.answered_s
        self._trouble = link.sender.note or self._spent()
        return 0.0 if did else self._idle_s()

    def _step(self, link: _Link) -> bool:
        if time.monotonic() >= self._beat_due_s and self._beat(link):
            return True
        if link.sender.step():
            return True
        if link.originals is not None and self._rules.heaviest() >= Load.CLIPS and link.originals.step():
            return True
        if self._packs is None or not self._packs.step(
            link.client, metered=self._budget.metered, room_bytes=self._rules.room_bytes(Load.CLIPS)
        ):
            return False
        link.sender.went_well()
        return True

    def _idle_s(self) -> float:
        due_s = self._outbox.next_due_in_s(self._rules.heaviest())
        return _IDLE_S if due_s is None else min(max(due_s, 0.02), _IDLE_S)

    def _comes_first(self) -> bool:
        """Asked between the chunks of a file."""
        self._alive_s = time.monotonic()
        return (
            self._stop.is_set()
            or time.monotonic() >= self._beat_due_s
            or self._rerouted()
            or self._enrolment_stamp() != self._enrolled
            or self._outbox.next_unsent() is not None
        )

    # -- the way -------------------------------------------------------------------------------------------------

    def _connect(self) -> _Link:
        client = connect(
            self._state_dir, self._settings.server, timeouts=self._timeouts, meter=self._budget, clock=self._clock
        )
        sender = Sender(self._outbox, client, self._pace, self._rules)
        originals = None
        if self._releases is not None:
            originals = OriginalSender(client, sender.files, self._pace, self._releases)
        self._link = _Link(client, sender, originals)
        self._refused = False
        return self._link

    def _rerouted(self) -> bool:
        """Look now and then where the way to the server goes; True when it goes elsewhere than it did."""
        if time.monotonic() >= self._route_due_s:
            self._route_due_s = time.monotonic() + _ROUTE_S
            interface = self._route(self._settings.server)
            self._budget.metered = is_metered(self._settings, interface)
            self._way_changed = self._way_changed or interface != self._interface
            self._interface = interface
        return self._way_changed

    def _begin_anew(self) -> None:
        """Another network, or another token: every wait is over."""
        self._way_changed = False
        self._enrolled = self._enrolment_stamp()
        self._blocked_until_s = 0.0
        self._hang_up()

    def _enrolment_stamp(self) -> tuple[int, int] | None:
        try:
            stat = (self._state_dir / ENROLMENT_FILE).stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_mtime_ns

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.client.close()
            self._link = None

    # -- heartbeat and budget --------------------------------------------------------------------------------------

    def _beat(self, link: _Link) -> bool:
        """Send the heartbeat if there is one and there are bytes for it; False when there is not."""
        now_s = time.monotonic()
        budgeted = self._rules.room_bytes(Load.NOTHING) is not None
        self._beat_due_s = now_s + max(self._settings.heartbeat_s, _BUDGET_BEAT_S if budgeted else 0.0)
        health = self._told_health()
        if health is None:
            self._beat_due_s = now_s + _IDLE_S
            return False
        beat = heartbeat_of(health, self._asks(), self._answers(), self._true_time.now())
        body = beat.model_dump_json().encode()
        if self._rules.heaviest() < Load.REPORTS:
            # The very last bytes: one word an hour that the box lives, and the server's word on the time.
            self._beat_due_s = now_s + _LAST_WORDS_S
            room_bytes = self._rules.room_bytes(Load.NOTHING)
            if room_bytes is not None and room_bytes < 2 * len(body) + 8 * 1024:
                return False
        orders = send_heartbeat(link.client, body)
        link.sender.went_well()
        if orders is None:
            self._beat_due_s = now_s + _NO_HEARTBEATS_S
        else:
            self._on_orders(orders)
        if self._notes is not None:
            self._notes(link.client, self._may_note)
        return True

    def _may_note(self, size_bytes: int) -> bool:
        """A note holds a small picture, so it goes as stills do."""
        self._alive_s = time.monotonic()
        room_bytes = self._rules.room_bytes(Load.STILLS)
        fits = room_bytes is None or room_bytes >= on_the_link(size_bytes)
        return fits and self._rules.heaviest() >= Load.STILLS

    def _spent(self) -> str:
        return _SPENT.both() if self._rules.heaviest() < Load.REPORTS else ""

    def _sent_today_bytes(self) -> int:
        try:
            return self._budget.sent_today_bytes()
        except KerbwatchError:  # the disk; the store's own health tells of it
            return 0
