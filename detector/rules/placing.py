"""Places of tracks: on the ground, and for things that may hang on walls, there."""

from __future__ import annotations

from collections.abc import Mapping

from detector.geo.camera import Camera
from detector.geo.localise import Unplaced, place_of
from detector.geo.on_wall import place_on_wall, sign_place
from detector.geo.walls import Walls
from detector.geo.zones import ZoneKind
from detector.hit import Place
from detector.rules.walls import WALL
from detector.site.model import Site
from detector.tracks import Track


class Placing:
    """Finds the places of what one camera saw on one site."""

    def __init__(self, site: Site, camera: Camera) -> None:
        self._camera = camera
        self._terrain = site.terrain
        self._walls = Walls.of(site.zones)
        named = (rule.on_walls.cues for rule in site.rules.values() if rule.on_walls is not None)
        self._hanging = frozenset(cue for cues in named for cue in cues) if _knows_signs(site) else frozenset[str]()

    def place(self, track: Track) -> Place | Unplaced:
        """As `localise.place_of`, and on a wall for a sign that hangs on one."""
        ground = place_of(track, self._camera, self._terrain)
        if track.cue not in self._hanging:
            return ground
        return sign_place(track, self._camera, ground, self._walls)

    def registered(
        self, tracks: Mapping[str, Track], places: Mapping[str, Place | Unplaced]
    ) -> dict[str, Place | Unplaced]:
        """Places of a registered pass with those on walls looked for again, from where it puts the camera.

        Moved as they are, they would leave their walls. Each takes the offset of the registered thing that was seen
        nearest in time; where none was registered, or the sight line then finds no wall, it stays as it was.
        """
        found = dict(places)
        offsets = [
            (tracks[name].first_seen_at, place.offset)
            for name, place in places.items()
            if name in tracks and isinstance(place, Place) and place.method != WALL and place.offset is not None
        ]
        for name, place in places.items():
            if name not in tracks or not offsets or not isinstance(place, Place) or place.method != WALL:
                continue
            seen_at = tracks[name].first_seen_at
            _, offset = min(offsets, key=lambda other: abs(other[0] - seen_at))
            again = place_on_wall(tracks[name], self._camera, self._walls, offset)
            found[name] = again if isinstance(again, Place) else place
        return found


def _knows_signs(site: Site) -> bool:
    """Whether the map says of any sign that it is filed or forbidden: where nothing is filed, every shop's own sign
    would be one that is not."""
    return any(zone.kind in (ZoneKind.SIGN_REGISTRY, ZoneKind.NO_SIGNAGE) for zone in site.zones.zones)
