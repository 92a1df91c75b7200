"""Track, place and time to a verdict with reasons. The rules are data: ``defaults/*.yaml``, a city may overlay them.

Public: `judge` for one track, `judge_all` for many, `judge_tracks` for all tracks of a pass with what belongs together.
"""

from detector.rules.gather import judge_tracks
from detector.rules.judge import judge, judge_all

__all__ = ["judge", "judge_all", "judge_tracks"]
