"""``kerbwatch models sign``: vouch for a finished bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sign(
    bundle_dir: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The bundle.")],
    key: Annotated[Path, typer.Option("--key", help="Private key file that `kerbwatch models key` wrote.")],
) -> None:
    """Sign a bundle as it is, after every hash was checked; an earlier signature is replaced. 签名"""
    from models.signing import read_signing_key, sign_folder

    signing_key = read_signing_key(key)
    sign_folder(bundle_dir, signing_key)
    typer.echo(f"已签名 · signed: {bundle_dir}, key {signing_key.key_id[:16]}")
