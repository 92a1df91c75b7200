"""A street simulator without pictures: districts with truth, vehicles with honest errors, boxes as a camera sees them.

`build_world` lays out a district and everything that stands in it, `write_site` writes the folder that a city would
hand over, `drive` lets a patrol look at it, `with_gnss` makes that a `Pass` with the fixes of one receiver: real tracks
and fixes, on which the product's own place, registration and law run. Same seed, same world. Every figure and its
reason stands in `params`, `vehicle`, `gnss` and `sight`.
"""

from benchmarks.street_sim.crowd import Thing
from benchmarks.street_sim.folder import write_site
from benchmarks.street_sim.gnss import AUTONOMOUS, RTK, GnssProfile
from benchmarks.street_sim.params import WorldParams
from benchmarks.street_sim.passes import Drive, Pass, drive, with_gnss
from benchmarks.street_sim.sight import SightParams
from benchmarks.street_sim.vehicle import CAR, E_BIKE, E_BIKE_IMU, RideProfile
from benchmarks.street_sim.world import PLANE, World, build_world

__all__ = [
    "AUTONOMOUS",
    "CAR",
    "E_BIKE",
    "E_BIKE_IMU",
    "PLANE",
    "RTK",
    "Drive",
    "GnssProfile",
    "Pass",
    "RideProfile",
    "SightParams",
    "Thing",
    "World",
    "WorldParams",
    "build_world",
    "drive",
    "with_gnss",
    "write_site",
]
