"""From the outbox to the server: once until all is there (`drain`), or for ever (`edge.uplink.service`)."""

from edge.uplink.drain import DrainResult, drain
from edge.uplink.enrol import connect, enrol
from edge.uplink.pace import Pace
from edge.uplink.sender import Progress

__all__ = ["DrainResult", "Pace", "Progress", "connect", "drain", "enrol"]
