"""What happened to packs, in both languages: for the log, the alarms and the command line."""

from __future__ import annotations

from typing import Final

from detector.pack.version import version_key
from detector.vocabulary import Text
from edge.fleet.state import GivenUp, Reason

ALARM: Final = "pack_rolled_back"

REASONS: Final[dict[Reason, Text]] = {
    "self_test": Text("自检未通过", "it failed its self-test"),
    "crash_loop": Text("反复启动失败", "it kept dying soon after its start"),
    "golden_clip": Text("标准画面中的目标未检出", "it does not find what is in its golden clip"),
    "slow": Text("处理过慢", "it is too slow here"),
    "blind": Text("摄像头有画面但不再检出目标", "a camera shows pictures and nothing is seen in them"),
    "by_hand": Text("人工退回", "a person went back"),
    "damaged": Text("磁盘上的文件损坏", "its files on the disk are damaged"),
}


def reason_text(entry: GivenUp) -> Text:
    """Why a pack was given up."""
    text = REASONS[entry.reason]
    detail = f" ({entry.detail})" if entry.detail else ""
    return Text(text.zh + detail, text.en + detail)


def standing_failure(given_up: tuple[GivenUp, ...], current: str | None) -> GivenUp | None:
    """The newest failure that somebody should see to: not what a person did, and not once as new a pack runs.

    Args:
        current: version that runs now.
    """
    found = [entry for entry in given_up if entry.reason != "by_hand"]
    if not found or (current is not None and version_key(current) >= version_key(found[-1].version)):
        return None
    return found[-1]
