"""A live camera as the rest of the box sees it: the newest wanted picture, its state, clips.

One thread for each camera starts the child, listens to it and measures its silence, kills it and starts the next. A
killed server looks like the end of a file, a frozen one like nothing at all; both end in a new child.
"""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from detector.frame import Frame
from edge.sources.errors import SourceUnreadableError
from edge.sources.live.address import LiveAddress, LiveKind, parse_address
from edge.sources.live.clips import cut_clip
from edge.sources.live.decoder_process import DecoderProcess
from edge.sources.live.messages import (
    Message,
    MessageError,
    PacketMessage,
    PictureMessage,
    PixelsMessage,
    StreamMessage,
    TroubleMessage,
)
from edge.sources.live.patience import Backoff, Patience
from edge.sources.live.picture import CameraState, CameraStatus, Clip, LiveCamera, PictureNote
from edge.sources.live.reach import unreached
from edge.sources.live.ring import PacketRing
from edge.sources.live.tray import Tray
from edge.sources.live.watchdog import Watchdog
from edge.true_time import TrueTime

_AGE_S_MAX: Final = 60.0


def open_camera(
    address: LiveAddress | str,
    source_id: str,
    *,
    credentials: SecretStr | None,
    time: TrueTime,
    stall_s: float = 4.0,
    ring_bytes: int = 24 * 1024**2,
    backoff: Backoff = Backoff(),  # noqa: B008 (frozen)
) -> LiveCamera:
    """Watch a camera until it is closed; returns at once, whether or not the camera answers.

    Args:
        address: see `parse_address`.
        source_id: its name in frames and reports; stands in `Frame.frame_id`.
        credentials: ``user:password``, see `read_credentials`.
        time: tells the UTC of pictures.
        stall_s: without a packet for so long the decoder is killed and the camera opened anew.
        ring_bytes: compressed packets that are kept in memory for clips.

    Raises:
        SourceUnreadableError: the address cannot be one.
        InputError: `stall_s` is out of range.
    """
    parsed = parse_address(address) if isinstance(address, str) else address
    if credentials is not None and parsed.kind is not LiveKind.RTSP:
        raise SourceUnreadableError(f"{parsed} takes no user or password: leave credentials_file out")
    patience = Patience(stall_s=stall_s, first_s=max(stall_s, Patience().first_s))
    return ChildCamera(parsed, source_id, credentials, time, patience, backoff, ring_bytes)


@dataclass(frozen=True, slots=True)
class _Ended:
    """Why a child has ended, what the camera is now, and for how many seconds pictures came."""

    state: CameraState
    trouble: str = ""
    refused: bool = False
    good_s: float = 0.0


class ChildCamera:
    """`LiveCamera` over a child process; see `open_camera` for the arguments."""

    def __init__(
        self,
        address: LiveAddress,
        source_id: str,
        credentials: SecretStr | None,
        true_time: TrueTime,
        patience: Patience,
        backoff: Backoff,
        ring_bytes: int,
    ) -> None:
        self._address, self._source_id, self._credentials = address, source_id, credentials
        self._time, self._patience, self._backoff = true_time, patience, backoff
        self._ring = PacketRing(ring_bytes)
        self._tray = Tray(source_id)
        self._closing = threading.Event()
        # What `status` tells, guarded by the lock.
        self._lock = threading.Lock()
        self._state, self._trouble = CameraState.CONNECTING, ""
        self._codec, self._size_px = "", (0, 0)
        self._connections, self._first_seq, self._next_seq = 0, 0, 0
        self._last: PictureNote | None = None
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name=f"camera {source_id}", daemon=True)
        self._thread.start()

    def newest(self, *, timeout_s: float, wants: Callable[[PictureNote], bool] | None = None) -> Frame | None:
        """See `LiveCamera.newest`.

        When the caller is late and the wanted picture has left the child's few held ones, the first that is still
        held comes instead, with its own `seq` and time.

        Raises:
            SourceUnreadableError: the camera is closed, or its thread has failed.
        """
        return self._tray.newest(timeout_s=timeout_s, wants=wants)

    def status(self) -> CameraStatus:
        """See `LiveCamera.status`."""
        with self._lock:
            last = self._last
            return CameraStatus(
                state=self._state,
                frame_age_s=None if last is None else max(0.0, time.monotonic() - last.monotonic_s),
                pictures=self._next_seq,
                connections=self._connections,
                size_px=None if last is None else self._size_px,
                codec=self._codec,
                trouble=self._trouble,
                ring_bytes=self._ring.bytes,
            )

    def clip(self, about: datetime, *, before_s: float, after_s: float, folder: Path) -> Clip | None:
        """See `LiveCamera.clip`.

        Raises:
            InputError, TransientError: see `cut_clip`.
        """
        cut = self._ring.cut(about, before_s=before_s, after_s=after_s)
        return None if cut is None else cut_clip(cut, folder)

    def close(self) -> None:
        """See `LiveCamera.close`."""
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
        os.eventfd_write(self._wake_fd, 1)
        self._thread.join(self._patience.reach_s + self._patience.leave_s + 1.0)
        if not self._thread.is_alive():
            os.close(self._wake_fd)

    # What the camera's own thread does.

    def _run(self) -> None:
        random_, failures = random.Random(), 0  # noqa: S311 (only spreads attempts)
        try:
            while not self._closing.is_set():
                if trouble := unreached(self._address, self._patience.reach_s):
                    self._set(CameraState.AWAY, trouble)
                    self._closing.wait(self._backoff.unreached_wait_s(random_))
                    continue
                ended = self._watch()
                failures = 1 if ended.good_s >= self._backoff.good_s else failures + 1
                self._closing.wait(
                    self._backoff.refused_s if ended.refused else self._backoff.wait_s(failures, random_)
                )
        finally:
            self._set(CameraState.AWAY, "" if self._closing.is_set() else "its thread has failed; see the log")
            self._tray.close()

    def _watch(self) -> _Ended:
        """Start a child and listen until one of both ends it."""
        try:
            child = DecoderProcess(self._address, self._credentials, self._patience)
        except OSError as error:
            ended = _Ended(CameraState.AWAY, f"its decoder cannot be started ({error.strerror})")
        else:
            self._connected(child)
            try:
                ended = self._listen(child)
            except MessageError as error:
                ended = _Ended(CameraState.AWAY, f"its decoder went wrong ({error})")
            finally:
                died = self._disconnected(child)
            if not ended.trouble:
                ended = replace(ended, trouble=f"its decoder crashed ({died})" if died else "its decoder ended")
        if not self._closing.is_set():
            self._set(ended.state, ended.trouble)
        return ended

    def _listen(self, child: DecoderProcess) -> _Ended:
        """Take what the child says until it ends or must be ended."""
        watchdog = Watchdog(self._patience, time.monotonic())
        trouble, refused = "", False
        while not self._closing.is_set():
            messages = child.messages(watchdog.left_s(time.monotonic()), self._wake_fd)
            if messages is None:
                break
            for message in messages:
                watchdog.heard(message, time.monotonic())
                if isinstance(message, TroubleMessage):
                    trouble, refused = message.text, message.refused
                else:
                    self._take(child, message)
            if silence := watchdog.silence(time.monotonic()):
                state = CameraState.STALLED if watchdog.good_s else CameraState.AWAY
                return _Ended(state, silence, good_s=watchdog.good_s)
        return _Ended(CameraState.AWAY, trouble, refused, watchdog.good_s)

    def _take(self, child: DecoderProcess, message: Message) -> None:
        match message:
            case PacketMessage():
                self._ring.add(message, self._time.at(_recent(message.arrived_s)))
            case StreamMessage():
                self._ring.begin(message)
                with self._lock:
                    self._codec = message.codec or "raw"
            case PictureMessage():
                self._note(message)
            case PixelsMessage():
                self._receive(child, message)

    def _note(self, message: PictureMessage) -> None:
        arrived_s = _recent(message.arrived_s)
        captured_at = self._time.at(arrived_s)
        note = PictureNote(self._first_seq + message.seq, captured_at, arrived_s, message.motion)
        with self._lock:
            self._last, self._next_seq = note, note.seq + 1
            self._size_px = (message.width_px, message.height_px)
            self._state, self._trouble = CameraState.LIVE, ""
        self._tray.put(note)

    def _receive(self, child: DecoderProcess, message: PixelsMessage) -> None:
        note = self._tray.note_of(self._first_seq + message.seq)
        if note is None or not message.width_px:
            raise MessageError("it has no picture to give")
        image = child.pixels(message.width_px, message.height_px)
        self._tray.give(Frame(image, note.seq, note.captured_at, note.monotonic_s, self._source_id))

    def _connected(self, child: DecoderProcess) -> None:
        self._ring.begin(None)
        with self._lock:
            self._connections += 1
            self._first_seq = self._next_seq
        self._tray.begin(child, self._first_seq)

    def _disconnected(self, child: DecoderProcess) -> str:
        # First: nobody may ask a child that is being ended.
        self._tray.end()
        return child.end(self._patience)

    def _set(self, state: CameraState, trouble: str) -> None:
        with self._lock:
            self._state, self._trouble = state, trouble


def _recent(arrived_s: float) -> float:
    """An arrival as the child tells it, held to what can be: not in the future, and not longer ago than any wait."""
    now_s = time.monotonic()
    return min(now_s, max(now_s - _AGE_S_MAX, arrived_s)) if math.isfinite(arrived_s) else now_s
