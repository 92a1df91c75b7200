"""Cameras that are watched now: RTSP and USB, decoded in a child process that can be killed.

::

    from edge.sources.live.camera import open_camera

    camera = open_camera("rtsp://192.168.1.64/stream", "front", credentials=read_credentials(path), time=true_time)
    frame = camera.newest(timeout_s=1.0)

Nothing is imported here: the child process lies in this package and must stay small.
"""
