"""The coverage layer of a box: published in a process of its own, since a day's looks take many seconds to write.

Vehicles switch the box off by its power, so what a run leaves open is closed and published at the next start.
"""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import Final

import structlog

from detector.errors import KerbwatchError
from detector.geo.crs import Crs
from edge.box.crew import BEAT_S, Pulse
from edge.coverage.log import close_left
from edge.sources.live.decoder_process import child_command, child_environment

_NICE: Final = 10

log = structlog.get_logger("box")


class CoverageLayer:
    """Publishes when it was asked to. `ask` may be called from any thread."""

    def __init__(self, folder: Path, crs: Crs) -> None:
        """Close what a kill left open, and ask for its publication.

        Args:
            folder: the box's state folder, which the caller holds.
            crs: the system that the site publishes in.
        """
        self._folder = folder
        self._crs = crs
        self._asked = threading.Event()
        try:
            if close_left(folder):
                self.ask()
        except KerbwatchError as error:
            log.warning("the coverage of the last run could not be closed", why=str(error))

    def ask(self) -> None:
        """A log has ended: publish as soon as may be."""
        self._asked.set()

    def work(self, pulse: Pulse) -> None:
        """The thread that publishes; what is under way when the box ends is left for its next start."""
        while not pulse.over:
            if self._asked.wait(BEAT_S):
                self._asked.clear()
                self._publish(pulse)

    def _publish(self, pulse: Pulse) -> None:
        command = [*child_command("edge.coverage.apart"), str(self._folder), self._crs.name]
        with subprocess.Popen(
            command,
            env=child_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: os.nice(_NICE),
        ) as child:
            while True:
                try:
                    _, words = child.communicate(timeout=BEAT_S)
                except subprocess.TimeoutExpired:
                    if pulse.over:
                        child.kill()
                    continue
                break
        if child.returncode and not pulse.over:
            log.warning("the coverage log could not be published", why=words.decode("utf-8", "replace")[-500:])
