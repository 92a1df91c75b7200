"""Cameras that are watched now: RTSP and USB, decoded in a child process that can be killed."""
