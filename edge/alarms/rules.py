"""What raises an alarm, how long it must last, and what to do about it: one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from detector.vocabulary import Text
from edge.alarms import findings
from edge.alarms.findings import Finds
from edge.alarms.texts import TEXTS

Severity = Literal["notice", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of alarm.

    Attributes:
        after_s: the finding must last so long before a person is troubled.
        clear_s: and be gone so long before he is told that it is over.
        finds: `None` for what other parts tell through `Alarms.tell`.
    """

    code: str
    severity: Severity
    after_s: float = 0.0
    clear_s: float = 10.0
    finds: Finds | None = None

    @property
    def text(self) -> Text:
        """What is wrong and what to do; ``{about}`` and ``{figure}`` stand for those of the finding."""
        return TEXTS[self.code]


RULES: Final = (
    Rule("camera_away", "critical", 15.0, 5.0, findings.cameras("camera_away", findings.away)),
    Rule("camera_stalled", "critical", 10.0, 5.0, findings.cameras("camera_stalled", findings.stalled)),
    Rule("no_looks", "critical", 0.0, 5.0, findings.cameras("no_looks", findings.no_looks)),
    Rule("not_judged", "critical", 5.0, 10.0, findings.cameras("not_judged", findings.unjudged)),
    Rule("frame_old", "warning", 20.0, 30.0, findings.cameras("frame_old", findings.old)),
    Rule("gnss_no_fix", "warning", 60.0, 10.0, findings.gnss("no_fix")),
    Rule("gnss_silent", "critical", 10.0, 5.0, findings.gnss("silent")),
    Rule("disk_low", "warning", 10.0, 60.0, findings.disk_low),
    Rule("disk_full", "critical", 3.0, 30.0, findings.disk_full),
    Rule("store_trouble", "critical", 3.0, 60.0, findings.store_trouble),
    Rule("originals_full", "warning", 10.0, 60.0, findings.originals_full),
    Rule("outbox_growing", "warning", 0.0, 600.0, findings.outbox_growing),
    Rule("outbox_stuck", "warning", 0.0, 30.0, findings.outbox_stuck),
    Rule("outbox_held", "notice", 0.0, 10.0, findings.outbox_held),
    Rule("link_away", "warning", 0.0, 5.0, findings.link_away),
    Rule("token_refused", "critical", 0.0, 5.0, findings.token_refused),
    Rule("budget_spent", "notice", 10.0, 10.0, findings.budget_spent),
    Rule("clock_unset", "critical", 60.0, 5.0, findings.clock_unset),
    Rule("clock_off", "warning", 60.0, 30.0, findings.clock_off),
    Rule("cpu_hot", "warning", 30.0, 60.0, findings.hot),
    Rule("cpu_throttled", "warning", 0.0, 60.0, findings.throttled),
    Rule("memory_growing", "warning", 0.0, 600.0, findings.memory),
    Rule("no_receiver", "warning"),
    Rule("clock_trouble", "warning", 60.0, 30.0),
    Rule("lens_dirty", "warning"),
    Rule("mount_moved", "warning"),
    Rule("pack_rolled_back", "critical"),
    Rule("pack_refused", "warning"),
)
"""Every alarm there is."""
