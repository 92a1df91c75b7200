"""`kerbwatch box`: the command line of the unattended box."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="The unattended box on a vehicle: watch, send, look after itself. 车载终端",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
