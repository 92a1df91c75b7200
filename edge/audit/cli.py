"""`kerbwatch audit`: accusation rates by grid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from detector.errors import InputError
from detector.site.load import load_site
from edge.audit.grids import audit as audited
from edge.audit.reports import read_accusations
from edge.audit.show import draw_audit, print_audit, write_csv
from edge.coverage.read import read_looks


def audit(
    site: Annotated[Path, typer.Argument(help="Site folder with its grids. 辖区文件夹", show_default=False)],
    reports: Annotated[list[Path], typer.Argument(help="--out folders of patrols. 巡查输出文件夹", show_default=False)],
    coverage: Annotated[
        list[Path] | None,
        typer.Option(help="Coverage logs to divide by; default: those of the folders. 覆盖记录"),
    ] = None,
    out: Annotated[
        list[Path] | None, typer.Option(help="Write the table (.csv) or the map (.svg, .html). 输出文件")
    ] = None,
) -> None:
    """Reports on each kilometre looked at, grid by grid, and where they differ by more than chance. 网格审计"""
    for path in out or ():
        if path.suffix not in (".csv", ".svg", ".html"):
            raise InputError(f"--out {path.name}: name a file that ends in .csv, .svg or .html")
    place = load_site(site)
    done = audited(place, read_accusations(reports), read_looks(coverage or reports))
    for path in out or ():
        if path.suffix == ".csv":
            write_csv(done, path)
        else:
            draw_audit(place, done, path)
    print_audit(Console(), place, done)
