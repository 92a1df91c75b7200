"""``kerbwatch models sign``, and which key the other commands sign with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from detector.signing import SigningKey

SignKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--sign-key", help="Private key that signs the bundle; default: your own, made on first use. 签名私钥"
    ),
]


def sign(
    bundle_dir: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The bundle.")],
    key: Annotated[Path, typer.Option("--key", help="Private key file that `kerbwatch models key` wrote.")],
) -> None:
    """Sign a bundle as it is, after every hash was checked; an earlier signature is replaced. 签名"""
    from models.signing import read_signing_key, sign_folder

    signing_key = read_signing_key(key)
    sign_folder(bundle_dir, signing_key)
    typer.echo(f"已签名 · signed: {bundle_dir}, key {signing_key.key_id[:16]}")


def signing_key_of(given: Path | None) -> SigningKey:
    """The key in the file given, or the user's own; says on which devices the own one works.

    Raises:
        InputError: the key cannot be used, or the user's own cannot be made.
    """
    from models.signing import own_key, own_key_path, public_path, read_signing_key

    if given is not None:
        return read_signing_key(given)
    key, made = own_key()
    path = own_key_path()
    which = "已生成本人签名密钥 · made your own signing key" if made else "用本人密钥签名 · signing with your own key"
    typer.echo(
        f"{which}: {path}\ndevices load what it signs · 设备信任方式: kerbwatch patrol --trust {public_path(path)}, "
        "or with that .pub file in signers/ of the site folder",
        err=True,
    )
    return key
