"""Coordinate systems at the doors: conversions against independent libraries, and how well a mix-up is noticed.

1. Round trips over a grid of China: the largest error, mm.
2. The shift of GCJ-02 and BD-09 in four cities against `prcoords` and `eviltransform` (PyPI; install them to see the
   columns: pip install prcoords eviltransform), and the CGCS2000 zones against PROJ called on its own.
3. Layers and drives on made-up towns: how often a mix-up is refused, and honest data.

    python -m benchmarks.crs_shift [--towns 12] [--seed 4]
"""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import shapely
from numpy.typing import NDArray
from rich.progress import track
from shapely import Polygon

from detector.frame import Fix
from detector.geo.crs import BD09, GCJ02, WGS84, Crs, from_wgs84, parse_crs, to_wgs84
from detector.geo.crs.shifted import compare_layers, suspects
from detector.geo.drive import check_drive
from detector.geo.plane import LocalPlane
from detector.geo.zones import Zone, ZoneIndex, ZoneKind
from detector.site.importing import DRAWN_M
from detector.vocabulary import Text

Array = NDArray[np.float64]

CITIES = {
    "Xuzhou 徐州": (117.19, 34.26),
    "Binzhou 滨州": (117.97, 37.38),
    "Linyi 临沂": (118.35, 35.05),
    "Changzhou 常州": (119.95, 31.78),
}
START = datetime(2026, 5, 18, 4, tzinfo=UTC)
HONEST_TIMES = 4


def metres(a: Array, b: Array) -> Array:
    """Distance of points (N, 2) in degrees, pair by pair, m."""
    return np.array([np.hypot(*LocalPlane(*p).east_north_m([q])[0]) for p, q in zip(a.tolist(), b, strict=True)])


def round_trips() -> None:
    """WGS-84 -> system -> WGS-84, and the other way round."""
    lon, lat = np.meshgrid(np.linspace(73.6, 134.8, 120), np.linspace(18.2, 53.5, 120))
    china = np.column_stack((lon.ravel(), lat.ravel()))
    print(f"round trips over China, {len(china)} points: largest error, mm")
    for crs in (GCJ02, BD09):
        there = from_wgs84(china, crs)
        again = from_wgs84(to_wgs84(there, crs), crs)
        out_mm, back_mm = metres(china, to_wgs84(there, crs)).max() * 1e3, metres(there, again).max() * 1e3
        print(f"  {crs!s:<52} {out_mm:.2e}   {back_mm:.2e}")
    for name in ("EPSG:4527", "EPSG:4548"):
        crs = parse_crs(name)
        zone = china[np.abs(china[:, 0] - 117.0) <= 3.0]
        print(f"  {crs!s:<52} {metres(zone, to_wgs84(from_wgs84(zone, crs), crs)).max() * 1e3:.2e}")


def against_others() -> None:
    """Ours beside libraries that share no line with it."""
    warnings.simplefilter("ignore")  # those libraries' own
    peers = {name: _module(name) for name in ("prcoords", "eviltransform")}
    missing = [name for name, module in peers.items() if module is None]
    if missing:
        print(f"\nnot installed, so not compared: {', '.join(missing)} (pip install {' '.join(missing)})")
    print("\nshift from WGS-84, m, and the largest difference from each library, mm")
    print(f"  {'city':<16}{'GCJ-02':>8}{'BD-09':>8}" + "".join(f"{name:>16}" for name in peers))
    for city, point in CITIES.items():
        wgs = np.array([point])
        gcj, bd = from_wgs84(wgs, GCJ02), from_wgs84(wgs, BD09)
        row = f"  {city:<14}{metres(wgs, gcj)[0]:8.1f}{metres(wgs, bd)[0]:8.1f}"
        for name, module in peers.items():
            if module is None:
                row += f"{'-':>16}"
                continue
            theirs = _theirs(name, module, *point)
            worst = max(metres(np.array([theirs[0]]), gcj)[0], metres(np.array([theirs[1]]), bd)[0])
            row += f"{worst * 1e3:16.4f}"
        print(row)
    print("  eviltransform takes the axis of WGS-84 for that of Krasovsky, 7 m in 6,378 km: that is its difference")
    print("\nCGCS2000 / 3-degree zones at the four cities against the Gauss-Kruger series written out: largest, mm")
    worst = max(_against_series(*point) for point in CITIES.values())
    print(f"  {worst * 1e3:.4f}")


def _module(name: str) -> object | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _theirs(name: str, module: object, lon: float, lat: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """GCJ-02 and BD-09 (lon, lat) by a library; both take latitude first."""
    to_gcj, to_bd = ("wgs_gcj", "wgs_bd") if name == "prcoords" else ("wgs2gcj", "wgs2bd")

    def call(function: str) -> tuple[float, float]:
        convert: Callable[..., Sequence[float]] = getattr(module, function)
        found = convert((lat, lon)) if name == "prcoords" else convert(lat, lon)
        return float(found[1]), float(found[0])

    return call(to_gcj), call(to_bd)


def _against_series(lon: float, lat: float) -> float:
    """Metres off from Krueger's series to n^4 on the CGCS2000 ellipsoid (Karney 2011, eq. 7 to 12 and 35)."""
    zone = round(lon / 3.0)
    a_m, flattening = 6378137.0, 1.0 / 298.257222101
    n = flattening / (2.0 - flattening)
    e = np.sqrt(flattening * (2.0 - flattening))
    radius_m = a_m / (1.0 + n) * (1.0 + n**2 / 4.0 + n**4 / 64.0)
    alpha = (
        n / 2 - 2 * n**2 / 3 + 5 * n**3 / 16 + 41 * n**4 / 180,
        13 * n**2 / 48 - 3 * n**3 / 5 + 557 * n**4 / 1440,
        61 * n**3 / 240 - 103 * n**4 / 140,
        49561 * n**4 / 161280,
    )
    tau, delta = np.tan(np.radians(lat)), np.radians(lon - 3.0 * zone)
    sigma = np.sinh(e * np.arctanh(e * tau / np.hypot(1.0, tau)))
    tau1 = tau * np.hypot(1.0, sigma) - sigma * np.hypot(1.0, tau)
    xi1 = np.arctan2(tau1, np.cos(delta))
    eta1 = np.arcsinh(np.sin(delta) / np.hypot(tau1, np.cos(delta)))
    xi = xi1 + sum(k * np.sin(2 * j * xi1) * np.cosh(2 * j * eta1) for j, k in enumerate(alpha, 1))
    eta = eta1 + sum(k * np.cos(2 * j * xi1) * np.sinh(2 * j * eta1) for j, k in enumerate(alpha, 1))
    ours = from_wgs84([(lon, lat)], parse_crs(f"EPSG:{4534 + zone - 25}"))[0]
    return float(np.hypot(ours[0] - 500_000.0 - radius_m * eta, ours[1] - radius_m * xi))


@dataclass(frozen=True, eq=False)
class Town:
    """Streets on an uneven, turned grid.

    Attributes:
        xs, ys: places of the streets across, m.
        turn_rad: of the whole grid.
        plane: where it lies.
    """

    xs: Array
    ys: Array
    turn_rad: float
    plane: LocalPlane

    def lon_lat(self, grid_m: Array) -> Array:
        c, s = np.cos(self.turn_rad), np.sin(self.turn_rad)
        return self.plane.lon_lat_deg(grid_m @ np.array([[c, s], [-s, c]]))

    def polygon(self, west: float, south: float, east: float, north: float) -> Polygon:
        corners = np.array([(west, south), (east, south), (east, north), (west, north)])
        return Polygon(self.lon_lat(corners))

    def footways(self) -> list[Polygon]:
        """Strips of 4 m on both sides of carriageways of 12 m, whole streets."""
        x0, x1, y0, y1 = self.xs[0], self.xs[-1], self.ys[0], self.ys[-1]
        found = []
        for side in (-10.0, 6.0):
            found += [self.polygon(x + side, y0, x + side + 4.0, y1) for x in self.xs]
            found += [self.polygon(x0, y + side, x1, y + side + 4.0) for y in self.ys]
        return found

    def bays(self, rng: np.random.Generator, count: int, streets: int | None = None) -> list[Polygon]:
        """Bays of 8 x 1.6 m on footways, along all streets or the first few."""
        ys = self.ys if streets is None else rng.permutation(self.ys)[:streets]
        found = []
        for _ in range(count):
            x, y = rng.uniform(self.xs[0], self.xs[-1]), rng.choice(ys) + rng.choice((-8.0, 8.0)) + rng.normal(0, 0.5)
            found.append(self.polygon(x, y - 0.8, x + 8.0, y + 0.8))
        return found

    def drive(self, rng: np.random.Generator, sigma_m: float, turns: int) -> list[Fix]:
        """Fixes once a second at 5 m/s through `turns` streets; GNSS error with a memory of a minute."""
        x, y = int(rng.integers(len(self.xs))), int(rng.integers(len(self.ys)))
        path = [np.array([self.xs[x], self.ys[y]])]
        for leg in range(turns):
            if leg % 2:
                y = int(rng.choice([i for i in range(len(self.ys)) if i != y]))
            else:
                x = int(rng.choice([i for i in range(len(self.xs)) if i != x]))
            goal = np.array([self.xs[x], self.ys[y]])
            steps = max(2, int(np.hypot(*(goal - path[-1])) / 5.0))
            path += list(path[-1] + np.linspace(0.0, 1.0, steps)[1:, None] * (goal - path[-1]))
        error = np.zeros((len(path), 2))
        keep = np.exp(-1.0 / 60.0)
        error[0] = rng.normal(0.0, sigma_m, 2)
        for row in range(1, len(path)):
            error[row] = keep * error[row - 1] + rng.normal(0.0, sigma_m * np.sqrt(1 - keep**2), 2)
        points = self.lon_lat(np.array(path) + np.array([2.0, -2.0]) + error)
        return [
            Fix(lon_deg=lon, lat_deg=lat, sigma_m=max(sigma_m, 0.5), at=START + timedelta(seconds=second))
            for second, (lon, lat) in enumerate(points.tolist())
        ]


def make_town(rng: np.random.Generator, plane: LocalPlane, streets: int, *, even: bool) -> Town:
    """A town of `streets` streets each way; an even grid is the hardest, its shift looks like itself."""

    def line() -> Array:
        gaps = np.full(streets, 120.0) if even else rng.uniform(70.0, 220.0, streets)
        return np.cumsum(gaps) - gaps.sum() / 2.0

    return Town(line(), line(), rng.uniform(0.0, np.pi / 2), plane)


def index_of(polygons: Sequence[Polygon], kind: ZoneKind = ZoneKind.PUBLIC_GROUND) -> ZoneIndex:
    """A map of zones of one kind."""
    return ZoneIndex.build([Zone(f"z{i}", kind, Text("", ""), polygon) for i, polygon in enumerate(polygons)])


def said_to_be_wgs(polygons: Sequence[Polygon], truly: Crs) -> NDArray[np.object_]:
    """Polygons whose file is in another system than it says."""
    return np.asarray(
        shapely.transform(np.array(polygons, dtype=object), lambda xy: from_wgs84(xy, truly)), dtype=object
    )


def mixed_up(fix: Fix, truly: Crs) -> Fix:
    """A fix logged in another system than NMEA says."""
    ((lon, lat),) = from_wgs84([(fix.lon_deg, fix.lat_deg)], truly).tolist()
    return Fix(lon_deg=lon, lat_deg=lat, sigma_m=fix.sigma_m, at=fix.at)


def noticed(towns: int, seed: int) -> None:
    """How often a mix-up is called one, by its right name, and how often honest data are."""
    rng = np.random.default_rng(seed)
    tally: dict[str, Counter[str]] = {}

    def count(row: str, verdict: str, named: str | None, truth: Crs) -> None:
        right = verdict == "shifted" and named == str(truth)
        word = "right" if right else "wrong" if verdict == "shifted" else verdict
        tally.setdefault(row, Counter())[word] += 1

    # A false alarm is the dearer mistake and must be rare, so honest data get more towns.
    for number in track(range(HONEST_TIMES * towns), "towns · 城镇", transient=True, disable=not sys.stderr.isatty()):
        middle = LocalPlane(*rng.choice(list(CITIES.values())).tolist())
        for even in (False, True):
            shape = "even grid" if even else "streets"
            town = make_town(rng, middle, 9, even=even)
            site = index_of(town.footways())
            far = make_town(rng, LocalPlane(*middle.lon_lat_deg([(6000.0, 2000.0)])[0].tolist()), 9, even=even)
            beside = make_town(rng, LocalPlane(*middle.lon_lat_deg([(1500.0, 0.0)])[0].tolist()), 9, even=even)
            for truth in (WGS84, GCJ02, BD09) if number < towns else (WGS84,):
                layers = {
                    "60 bays": town.bays(rng, 60),
                    "60 bays of one street": town.bays(rng, 60, streets=1),
                    "5 bays": town.bays(rng, 5),
                    "60 bays, new district beside": beside.bays(rng, 60),
                    "60 bays, new district far off": far.bays(rng, 60),
                }
                for name, layer in layers.items():
                    found = compare_layers(said_to_be_wgs(layer, truth), site, suspects(WGS84), DRAWN_M)
                    count(f"{shape}|{name}|{truth}", found.verdict, found.suspect and found.suspect.name.en, truth)
                drives = {
                    "drive, sigma 3 m, 8 streets": town.drive(rng, 3.0, 8),
                    "drive, sigma 8 m, 8 streets": town.drive(rng, 8.0, 8),
                    "drive, sigma 8 m, 2 streets": town.drive(rng, 8.0, 2),
                    "drive beside the map, sigma 8 m": beside.drive(rng, 8.0, 8),
                    "drive far off the map": far.drive(rng, 8.0, 8),
                }
                for name, fixes in drives.items():
                    found = check_drive([mixed_up(fix, truth) for fix in fixes], site)
                    count(f"{shape}|{name}|{truth}", found.verdict, found.suspect and found.suspect.name.en, truth)
    _print_tally(tally)


def _print_tally(tally: dict[str, Counter[str]]) -> None:
    print("\nhow data are taken, share of made-up towns: `named` is refused with the right cause, `wrong` without")
    print(f"  {'map':<11}{'data':<34}{'truly in':<9}{'fits':>6}{'cannot tell':>13}{'named':>7}{'wrong':>7}")
    honest: Counter[str] = Counter()
    for row, counts in sorted(tally.items(), key=lambda item: (item[0].split("|")[2] != "WGS-84", item[0])):
        shape, name, truth = row.split("|")
        if truth == "WGS-84":
            honest += counts
        total = counts.total()
        shares = [counts[word] / total for word in ("fits", "cannot_tell", "right", "wrong")]
        print(f"  {shape:<11}{name:<34}{truth:<9}{shares[0]:6.2f}{shares[1]:13.2f}{shares[2]:7.2f}{shares[3]:7.2f}")
    print(f"\nhonest data refused: {honest['wrong'] + honest['right']} of {honest.total()}")


def main() -> int:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--towns", type=int, default=12)
    parser.add_argument("--seed", type=int, default=4)
    args = parser.parse_args()
    round_trips()
    against_others()
    noticed(args.towns, args.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
