"""The site folder: a city's map, hours, permits, rules and cameras.

Public: `load_site`, `check_site`, `site_warnings`, `draw_site_map`, `Site`, `SiteProblem`.
"""

from detector.site.advice import site_warnings
from detector.site.draw import draw_site_map
from detector.site.load import check_site, load_site
from detector.site.model import Site, SiteProblem

__all__ = ["Site", "SiteProblem", "check_site", "draw_site_map", "load_site", "site_warnings"]
