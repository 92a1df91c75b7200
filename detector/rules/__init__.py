"""Track, place and time to a verdict with reasons. The rules are data: ``defaults/*.yaml``, a city may overlay them.

Public: `judge` for one track, `judge_tracks` for all tracks of a pass.
"""

from detector.rules.gather import judge_tracks
from detector.rules.judge import judge

__all__ = ["judge", "judge_tracks"]
