"""``kerbwatch models key``: a key pair to sign model bundles with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def key(
    out: Annotated[Path, typer.Option("--out", help="Private key file to make; FILE.pub gets the public key.")],
    name: Annotated[
        str | None, typer.Option(help="Name of the signer, e.g. my-city-2026; default: the file's name.")
    ] = None,
) -> None:
    """Make a key pair for signing bundles: keep FILE secret, hand out FILE.pub. 生成签名密钥"""
    from models.signing import make_key, public_path

    signer = make_key(out, name or out.stem)
    typer.echo(f"私钥，勿外传 · private key, keep it secret: {out}")
    typer.echo(f"公钥 · public key, for --trust and SITE/signers/: {public_path(out)}")
    typer.echo(f"{signer.name}, key {signer.key_id[:16]}")
