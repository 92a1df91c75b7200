"""The front door: one command, `kerbwatch`, that loads only the sub-command asked for.

`kerbwatch patrol` on an edge box imports no web server, `kerbwatch serve` no detector model, and only
`kerbwatch models` may reach the trainer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["main"]

ZOO = Path(__file__).resolve().parent / "models" / "zoo"
DEFAULT_BUNDLE = ZOO / "street-n"
_MODEL = {"model": str(DEFAULT_BUNDLE)}
_DEFAULTS = {
    "patrol": _MODEL,
    "box": {"run": _MODEL, "doctor": _MODEL},
    "pack": {"install": {"default_model": _MODEL["model"]}},
}

HELP = """Find street-order violations from patrol vehicles and street cameras, and see each one to its end.

街序：从巡查车辆和街面摄像头发现市容秩序问题，直至结案。
"""


@dataclass(frozen=True)
class Entry:
    """One sub-command: where it lives, and the extra that brings what it imports."""

    module: str
    attribute: str
    help: str
    extra: str | None = None


ENTRIES: dict[str, Entry] = {
    "patrol": Entry("edge.cli", "patrol", "Run a patrol over video or pictures: sealed reports out. 巡查"),
    "box": Entry("edge.box.cli", "app", "The unattended box on a vehicle: run, check, doctor. 车载终端"),
    "outbox": Entry("edge.outbox_cli", "app", "What a box has to send: list, show, let go what was held. 发件箱"),
    "originals": Entry("edge.vault.cli", "app", "Unblurred originals on a box: list, open on record, rotate. 原件"),
    "pack": Entry("edge.fleet.cli", "app", "Fleet packs: build, sign, check, install, go back. 下发包"),
    "coverage": Entry("edge.coverage.cli", "coverage", "Which ground was looked at, how often and how well. 覆盖"),
    "audit": Entry("edge.audit.cli", "audit", "Reports on each kilometre looked at, grid by grid. 网格审计"),
    "serve": Entry("server.cli", "serve", "Collect reports, make cases, serve reviewers. 服务端", "server"),
    "verify": Entry("edge.verify", "verify", "Check every seal and hash of a case or a report folder. 验真"),
    "label": Entry("server.labels.cli", "app", "Turn reviewed cases into training labels. 标注导出", "server"),
    "site": Entry("detector.site.cli", "app", "Check and draw a site folder: zones, rules, cameras, permits. 辖区"),
    "calibrate": Entry("edge.calibrate.cli", "app", "Measure a camera's mounting and clock from a drive. 标定"),
    "survey": Entry("edge.survey.cli", "app", "Check drone photos against each other. 航拍照片检查"),
    "models": Entry("models.cli", "app", "Train, measure, export and verify model bundles. 模型"),
    "demo": Entry("edge.demo", "demo", "Server + patrol over a real street clip, in one go. 演示", "demo"),
}


def _version(show: bool) -> None:
    if show:
        try:
            typer.echo(f"kerbwatch {version('kerbwatch')}")
        except PackageNotFoundError:
            typer.echo("kerbwatch (not installed: run from a checkout)")
        raise typer.Exit


def _globals(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    del debug, show_version  # read before parsing (`main`) and by the callback; named here for --help


def _listed_only() -> None:
    """Stands for a sub-command in the list of `--help`; never called."""


def _load(name: str) -> Callable[..., None] | typer.Typer:
    entry = ENTRIES[name]
    try:
        target: Callable[..., None] | typer.Typer = getattr(import_module(entry.module), entry.attribute)
    except ModuleNotFoundError as missing:
        if entry.extra is None or (missing.name or "").split(".")[0] in {"detector", "edge", "server", "models"}:
            raise
        raise SystemExit(
            f"kerbwatch {name} needs {missing.name}, which is not installed: pip install 'kerbwatch[{entry.extra}]'"
        ) from missing
    return target


def _application(asked: str | None) -> typer.Typer:
    """The command tree with only the sub-command asked for loaded; the others are names with a help line."""
    app = typer.Typer(
        help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )
    app.callback()(_globals)
    for name, entry in ENTRIES.items():
        target = _load(name) if name == asked else _listed_only
        if isinstance(target, typer.Typer):
            app.add_typer(target, name=name, help=entry.help)
        else:
            app.command(name, short_help=entry.help, help=entry.help if name != asked else None)(target)
    return app


def main(argv: Sequence[str] | None = None) -> None:
    """Run `kerbwatch` with `argv` (default: the command line). Errors print one line, without a traceback."""
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args
    # Allowed anywhere on the line, so that a failed command can be repeated with it at the end.
    args = [a for a in args if a != "--debug"]
    asked = next((a for a in args if not a.startswith("-")), None)
    from detector.errors import KerbwatchError
    from detector.printable import printable

    try:
        _application(asked if asked in ENTRIES else None)(args=args, prog_name="kerbwatch", default_map=_DEFAULTS)
    except KerbwatchError as error:
        if debug:
            raise
        typer.secho(printable(f"error: {error}"), fg=typer.colors.RED, err=True)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as defect:
        # The one place that may catch everything: a user gets a line to report, a developer --debug.
        if debug:
            raise
        line = f"internal error: {type(defect).__name__}: {defect}; run again with --debug and report what it prints"
        typer.secho(line, fg=typer.colors.RED, err=True)
        raise SystemExit(70) from defect  # EX_SOFTWARE


if __name__ == "__main__":
    main()
