"""Detections over time become tracks.

`Tracker` links boxes of one source by overlap after taking the camera's own motion out. A hard cut (`Frame.scene`)
ends every track. All times are seconds of the source's clock, never numbers of frames, and the same input always
gives the same ids.
"""

from detector.tracking.tracker import Tracker, TrackerLimits, TrackUpdate

__all__ = ["TrackUpdate", "Tracker", "TrackerLimits"]
