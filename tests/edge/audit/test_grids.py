"""Reports and kilometres by grid; the command as a user types it."""

from __future__ import annotations

import csv
import io
import json
import uuid
from pathlib import Path

import pytest
from rich.console import Console

import kerbwatch
from detector.errors import InputError
from detector.evidence.seal import seal, sealed_bytes
from detector.report import Covariance, ReportPlace
from detector.site.load import load_site
from detector.site.model import Site
from detector.vocabulary import Kind, Outcome
from edge.audit.grids import Audit, Rate, audit
from edge.audit.reports import Accusation, read_accusations
from edge.audit.show import draw_audit, print_audit, write_csv
from edge.coverage.log import CoverageLog
from edge.coverage.looks import Look
from edge.device import open_key
from edge.parcels import EvidenceFile
from tests.edge.coverage.rides import PLANE, look
from tests.edge.reports import body, picture
from tests.edge.street import LAT_DEG, LON_DEG, square, write_street

PATROL = "0123456789abcdef" * 2


def _folder(folder: Path, *, overlap_m: float = 0.0) -> Path:
    """Two grids side by side, 100 m each: west ends where east begins."""
    write_street(folder, image_px=(640, 360), height_m=2.0, pitch_deg=-10.0, fov_deg=60.0, vehicle=True)
    grids = []
    for name, east_m in (("east", 50.0), ("west", -50.0 + overlap_m)):
        properties = {"id": f"grid-{name}", "kind": "grid", "name": {"zh": f"{name}网格", "en": f"{name} grid"}}
        geometry = {"type": "Polygon", "coordinates": square(east_m, 0.0, 50.0)}
        grids.append({"type": "Feature", "properties": properties, "geometry": geometry})
    layer = {"type": "FeatureCollection", "features": grids}
    (folder / "zones" / "grids.geojson").write_text(json.dumps(layer))
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return load_site(_folder(tmp_path / "site"))


def _hits(count: int, east_m: float, **how: object) -> list[Accusation]:
    ((lon_deg, lat_deg),) = PLANE.lon_lat_deg((east_m, 5.0)).tolist()
    told = {"kind": Kind.STREET_STALL, "outcome": Outcome.VIOLATION, "observed_by": "vehicle", "patrol_id": PATROL}
    told |= {"place": (lon_deg, lat_deg), **how}
    return [Accusation(hit_key=f"{east_m}/{i}/{sorted(map(str, how.items()))}", **told) for i in range(count)]  # type: ignore[arg-type]


def _looks(count: int, east_m: float, **how: float) -> list[tuple[str, Look]]:
    return [(PATROL[:16], look(east_m, at_s=10.0 * i, **how)) for i in range(count)]  # type: ignore[arg-type]


def _rate(done: Audit, grid_id: str, kind: Kind | None = None) -> Rate:
    (rate,) = [r for r in done.rates if r.grid_id == grid_id and r.kind is kind]
    return rate


def test_rates_and_intervals(site: Site) -> None:
    hits = _hits(5, 60.0) + _hits(1, 60.0, outcome=Outcome.UNSURE) + _hits(2, -60.0, kind=Kind.DISORDERLY_BIKE)
    done = audit(site, hits, _looks(100, 50.0) + _looks(100, -50.0))
    east, west = _rate(done, "grid-east"), _rate(done, "grid-west")
    assert (east.violations, east.unsure, east.looks, east.km) == (5, 1, 100, pytest.approx(1.5))
    assert east.per_km == pytest.approx(4.0)
    assert (east.low, east.high) == pytest.approx((2.202 / 1.5, 13.059 / 1.5), abs=1e-2)
    assert west.per_km == pytest.approx(2 / 1.5)
    assert _rate(done, "grid-west", Kind.STREET_STALL).reports == 0
    assert not done.flagged
    assert not [r for r in done.rates if r.kind is Kind.ILLEGAL_SIGNAGE]  # nobody was accused of it


def test_a_grid_that_differs_is_flagged(site: Site) -> None:
    done = audit(site, _hits(30, 60.0) + _hits(3, -60.0), _looks(100, 50.0) + _looks(100, -50.0))
    assert {r.grid_id for r in done.flagged} == {"grid-east", "grid-west"}
    # The same reports where the one grid was looked at ten times as much are no difference.
    fair = audit(site, _hits(30, 60.0) + _hits(3, -60.0), _looks(200, 50.0) + _looks(20, -50.0))
    assert not fair.flagged


def test_what_cannot_be_counted_is_named(site: Site) -> None:
    hits = [
        *_hits(1, 60.0),
        *_hits(2, 60.0, place=None),
        *_hits(3, 60.0, observed_by="fixed"),
        *_hits(4, 60.0, patrol_id="f" * 32),
    ]
    done = audit(site, hits, _looks(10, 50.0))
    assert (done.unplaced, done.standing, done.unlogged) == (2, 3, 4)
    assert _rate(done, "grid-east").reports == 1
    west = _rate(done, "grid-west")
    assert (west.km, west.per_km, west.p) == (0.0, None, None)
    assert not west.flagged


def test_ground_outside_every_grid(site: Site) -> None:
    done = audit(site, _hits(2, 500.0), _looks(10, 500.0) + _looks(10, 50.0))
    assert _rate(done, "").reports == 2


def test_only_good_looks_count(site: Site) -> None:
    done = audit(site, [], _looks(10, 50.0) + _looks(90, 50.0, sharp=0.1) + _looks(90, 50.0, sigma_m=20.0))
    assert _rate(done, "grid-east").km == pytest.approx(0.15)
    with pytest.raises(InputError, match="the coverage logs hold no way that was well seen"):
        audit(site, [], _looks(90, 50.0, sharp=0.1))


def test_a_site_without_grids(tmp_path: Path) -> None:
    folder = write_street(tmp_path / "s", image_px=(640, 360), height_m=2.0, pitch_deg=-10.0, fov_deg=60.0)
    with pytest.raises(InputError, match="the site has no zone of kind grid: add its grids to compare them"):
        audit(load_site(folder), [], _looks(1, 0.0))


def test_what_a_person_sees(site: Site, tmp_path: Path) -> None:
    done = audit(site, _hits(30, 60.0) + _hits(3, -60.0), _looks(100, 50.0) + _looks(100, -50.0))
    text = io.StringIO()
    print_audit(Console(file=text, width=160), site, done)
    for words in ("east网格 · east grid (grid-east)", "占道摊点 · street stall", "20.00", "⚑", "请人工核查原因"):
        assert words in text.getvalue()
    write_csv(done, tmp_path / "audit.csv")
    rows = list(csv.DictReader((tmp_path / "audit.csv").read_text().splitlines()))
    east = next(row for row in rows if row["grid_id"] == "grid-east" and row["kind"] == "all")
    assert (east["violations"], east["km"], east["reports_per_km"], east["flagged"]) == ("30", "1.5000", "20.0000", "1")
    draw_audit(site, done, tmp_path / "audit.svg")
    drawn = (tmp_path / "audit.svg").read_text()
    for words in ("每公里报告 · Reports per km", "20.00 / km", "⚑", "never on the neighbourhood"):
        assert words in drawn


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "site", overlap_m=20.0)
    layer = (folder / "zones" / "grids.geojson").read_text()
    layer = layer.replace('"grid-east"', '"=HYPERLINK(1)[b]"').replace("east grid", "<script>[b]")
    (folder / "zones" / "grids.geojson").write_text(layer)
    site = load_site(folder)
    done = audit(site, _hits(3, 60.0), _looks(9, 50.0))
    write_csv(done, tmp_path / "a.csv")
    names = {row["grid_id"] for row in csv.DictReader((tmp_path / "a.csv").read_text().splitlines())}
    assert names == {"'=HYPERLINK(1)[b]", "grid-west"}
    text = io.StringIO()
    print_audit(Console(file=text, width=200), site, done)
    assert "<script>[b]" in text.getvalue()
    assert "grids overlap: =HYPERLINK(1)[b], grid-west" in text.getvalue()
    draw_audit(site, done, tmp_path / "a.html")
    assert "<script>" not in (tmp_path / "a.html").read_text()


def _write_run(folder: Path) -> Path:
    """The output of a patrol: three reports and the looks of one drive."""
    (folder / "reports").mkdir(parents=True)
    key = open_key(folder.parent / "key")
    for ordinal in range(3):
        report = body(ordinal, uuid.UUID(int=ordinal), key.device_id, [EvidenceFile.of(picture(ordinal), ".jpg")])
        none = Covariance(ee_m2=1.0, en_m2=0.0, nn_m2=1.0)
        where = ReportPlace(
            lon_deg=LON_DEG, lat_deg=LAT_DEG, cov_own=none, cov_pass=none, pass_shift=none, heading_lever_m=(0.0, 0.0),
            sigma_heading_rad=0.0, range_m=8.0, method="vehicle_ground", synthetic=False,
        )  # fmt: skip
        moving = report.model_copy(update={"observed_by": "vehicle", "patrol_id": PATROL, "place": where})
        (folder / "reports" / f"{report.report_id}.json").write_bytes(sealed_bytes(seal(moving, key)))
    log = CoverageLog(folder / ".kerbwatch", PATROL)
    for _, one in _looks(20, 20.0):
        log.append(one)
    log.close(complete=True)
    return folder


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, site = _write_run(tmp_path / "run"), _folder(tmp_path / "site", overlap_m=20.0)
    table = tmp_path / "a.csv"
    with pytest.raises(SystemExit) as end:
        kerbwatch.main(["audit", str(site), str(run), "--out", str(table), "--out", str(tmp_path / "a.html")])
    assert not end.value.code
    printed = capsys.readouterr().out
    assert "网格重叠 · grids overlap: grid-east, grid-west" in printed
    assert "没有超出偶然的差异" in printed
    assert (
        sum(int(row["violations"]) for row in csv.DictReader(table.read_text().splitlines()) if row["kind"] == "all")
        == 3
    )
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{site}", "{run}", "--out", "a.xlsx"], "--out a.xlsx: name a file that ends in .csv, .svg or .html"),
        (["{site}", "{site}"], "holds no reports/: name the --out folder of a patrol"),
        (["{site}", "{run}", "--coverage", "{site}"], "holds no coverage log: name the --out or --state folder"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    places = {"site": str(_folder(tmp_path / "site")), "run": str(_write_run(tmp_path / "run"))}
    with pytest.raises(SystemExit) as end:
        kerbwatch.main(["audit", *(argument.format(**places) for argument in arguments)])
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_file_that_is_no_report(tmp_path: Path) -> None:
    run = _write_run(tmp_path / "run")
    assert len(read_accusations([run, run])) == 3
    (run / "reports" / "x.json").write_text("{}")
    with pytest.raises(InputError, match=r"x\.json is no report: Field required; remove it"):
        read_accusations([run])
