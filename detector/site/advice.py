"""What a city may want to mend though the site can be used: warnings, not problems."""

from __future__ import annotations

from collections.abc import Iterator

from detector.site.grids import grid_warnings
from detector.site.model import Site, SiteProblem


def site_warnings(site: Site) -> list[SiteProblem]:
    """Warnings on a sound site: grids that overlap or leave gaps, permissions that can never hold."""
    return [*grid_warnings(site), *_idle(site)]


def _idle(site: Site) -> Iterator[SiteProblem]:
    """Zones that permit only with a permit, and have none."""
    needing = {kind for rule in site.rules.values() for kind, grant in rule.grants.items() if grant.needs_permit}
    for zone in site.zones.zones:
        if zone.kind in needing and not site.permits_of.get(zone.zone_id):
            message = "no entry of permits.yaml names it: nobody may stand there"
            yield SiteProblem("zones", zone.zone_id, None, message)
