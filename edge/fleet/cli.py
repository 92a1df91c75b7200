"""`kerbwatch pack`: fleet packs at the desk (key, build, sign, show, check), at a box (install, status, rollback)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.errors import InputError

if TYPE_CHECKING:
    from edge.box.settings import BoxSettings

app = typer.Typer(no_args_is_help=True)

PackFile = Annotated[Path, typer.Argument(metavar="FILE", help="The pack, *.kwpack. 下发包文件")]
BoxFile = Annotated[Path, typer.Argument(metavar="BOX", help="The box's own settings, box.yaml. 车载终端配置")]
KeyFile = Annotated[Path, typer.Option("--key", help="Private key that `kerbwatch pack key` wrote. 签名私钥")]


@app.command()
def key(
    out: Annotated[Path, typer.Option("--out", help="Private key file to make; FILE.pub gets the public key.")],
    name: Annotated[str | None, typer.Option(help="Name of the signer; default: the file's name.")] = None,
) -> None:
    """Make a key pair for packs: FILE stays at the desk, FILE.pub goes into `trust` of every box. 生成签名密钥"""
    from detector.signing_keys import make_key, public_path

    signer = make_key(out, name or out.stem, "packs")
    typer.echo(f"私钥，勿外传 · private key, keep it secret: {out}")
    typer.echo(f"公钥 · public key, for `trust` of box.yaml and serve --pack-signers: {public_path(out)}")
    typer.echo(f"{signer.name}, key {signer.key_id[:16]}")


@app.command()
def build(
    site: Annotated[Path, typer.Option(help="Site folder: zones, rules, cameras, permits. 辖区")],
    model: Annotated[Path, typer.Option(help="Model bundle, signed. 模型包")],
    version: Annotated[str, typer.Option(help="Numbers with points between, newer than any before: 1.4. 版本")],
    out: Annotated[Path, typer.Option("--out", help="The file to write, *.kwpack.")],
    key_file: Annotated[Path | None, typer.Option("--key", help="Sign it with this private key at once. 签名")] = None,
    golden: Annotated[
        Path | None,
        typer.Option(
            help="Folder of golden pictures, with expected.json or without (then what the model finds here is "
            "expected: look at it); default: the model's own golden picture. 标准画面"
        ),
    ] = None,
    settings: Annotated[Path | None, typer.Option(help="settings.yaml that boxes take over. 下发设置")] = None,
    device: Annotated[list[str] | None, typer.Option(help="Id of a box that may run it; default: any. 设备号")] = None,
    needs_software: Annotated[str | None, typer.Option(help="Oldest Kerbwatch that can run it. 最低软件版本")] = None,
    slower_max: Annotated[
        float, typer.Option(min=1.0, max=100.0, help="Seconds per look, times those of the pack before. 最多慢几倍")
    ] = 1.5,
    made_at: Annotated[
        datetime | None, typer.Option(help="UTC; default: now. Given, the same content is the same file. 制作时间")
    ] = None,
    trust: Annotated[list[Path] | None, typer.Option(help="Public key of a further signer of models. 信任")] = None,
) -> None:
    """Check everything as a box will, and put it into one file. 制作下发包"""
    from pydantic import ValidationError

    from detector.model.signers import read_signer, shipped_trust
    from detector.pack.manifest import PackLimits
    from detector.pack.signed import sign_files
    from detector.signing_keys import read_signing_key
    from edge.durable import write_atomic
    from edge.fleet.build import Ingredients, gather

    signing_key = read_signing_key(key_file, "packs") if key_file is not None else None
    moment = (made_at or datetime.now(UTC)).replace(microsecond=0)
    parts = Ingredients(
        site=site,
        model=model,
        version=version,
        made_at=moment if moment.tzinfo else moment.replace(tzinfo=UTC),
        golden=golden,
        settings=settings,
        needs_software=needs_software,
        devices=tuple(device or ()),
        limits=PackLimits(slower_max=slower_max),
        trust=shipped_trust().also(map(read_signer, trust or ())),
    )
    try:
        files = gather(parts)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    data = sign_files(files, signing_key)
    write_atomic(out, data)
    typer.echo(f"{out}: {version}, {len(data)} bytes, {len(files)} 个文件 · files")
    if signing_key is None:
        typer.echo(f"尚未签名 · not signed yet: kerbwatch pack sign {out} --key KEY")


@app.command()
def sign(file: PackFile, key_file: KeyFile) -> None:
    """Sign a pack after every hash was checked; an earlier signature is replaced. 签名"""
    from detector.pack.signed import sign_archive
    from detector.signing_keys import read_signing_key
    from edge.durable import write_atomic

    signing_key = read_signing_key(key_file, "packs")
    write_atomic(file, sign_archive(file, signing_key))
    typer.echo(f"已签名 · signed: {file}, key {signing_key.key_id[:16]}")


@app.command()
def show(file: PackFile) -> None:
    """Tell what a pack says of itself; who signed it is not judged here (see check). 查看"""
    from detector.pack.signed import look_into

    manifest, key_id = look_into(file)
    typer.echo(manifest.to_bytes().decode().rstrip())
    typer.echo(f"# 签名密钥 signed by key {key_id[:16]}" if key_id else "# 未签名 not signed")


@app.command()
def check(
    file: PackFile,
    box: Annotated[
        Path | None,
        typer.Option(help="Settings of a box: its trust, cameras and threads. 终端配置", show_default=False),
    ] = None,
    trust: Annotated[list[Path] | None, typer.Option(help="Public key that may sign packs. 信任的公钥")] = None,
    against: Annotated[Path | None, typer.Option(help="Model bundle to be compared with in speed. 对比模型")] = None,
) -> None:
    """Do all that a box does before it switches: signature, hashes, site, settings, self-test. 检查"""
    from edge.box.settings import load_settings
    from edge.fleet.desk import check_pack

    checked, result = check_pack(file, load_settings(box) if box is not None else None, tuple(trust or ()), against)
    typer.echo(
        f"通过 · good: {checked.manifest.version}, 签名 signed by {checked.signer.name}, "
        f"{result.seconds_per_look or 0:.3f} s per look"
        + (f" (before {result.old_seconds_per_look:.3f})" if result.old_seconds_per_look else "")
    )


@app.command()
def install(
    box: BoxFile,
    file: PackFile,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Take an older version, or one given up before. 允许旧版本")
    ] = False,
    default_model: Annotated[
        Path | None, typer.Option(help="Bundle that the box runs without a pack and without `model`.", hidden=True)
    ] = None,
) -> None:
    """Install a pack from a file, e.g. off a USB stick; a box that runs takes it over within a minute. 离线安装"""
    from edge.device import open_key
    from edge.fleet.install import install as install_pack
    from edge.fleet.store import PackStore

    settings = _settings(box)
    store = PackStore.open(settings)
    done = install_pack(
        file,
        store,
        settings,
        device_id=open_key(settings.state).key_id,
        allow_older=allow_older,
        default_model=default_model,
    )
    if done.again:
        typer.echo(f"已在使用 · in use already: {done.pack.version}")
        return
    typer.echo(f"已切换，试运行 {settings.fleet.probation_s:.0f} 秒 · switched to {done.pack.version}, on probation")


@app.command()
def status(box: BoxFile) -> None:
    """Which pack runs, which ran before, and what failed here. 状态"""
    from edge.fleet.places import PACKS
    from edge.fleet.state import load_state
    from edge.fleet.tell import reason_text

    settings = _settings(box)
    state = load_state(settings.state / PACKS)
    if state is None or (state.current is None and not state.given_up):
        typer.echo("未用下发包，按本机配置运行 · no pack: the box runs on its own settings")
        return
    trial = ""
    if state.trial is not None:
        left_s = max(0.0, settings.fleet.probation_s - state.trial.survived_s)
        trial = f" (试运行还剩 {left_s:.0f} 秒 · on probation for {left_s:.0f} s more, start {state.trial.starts})"
    own = "本机配置 own settings"
    typer.echo(f"当前 current:  {state.current.version if state.current else own}{trial}")
    typer.echo(f"上一个 previous: {state.previous.version if state.previous else own}")
    for entry in state.given_up:
        typer.echo(f"放弃 given up:  {entry.version} {entry.at:%Y-%m-%d %H:%M} UTC: {reason_text(entry).both()}")


@app.command()
def rollback(box: BoxFile) -> None:
    """Go back to the pack before; the one left is not taken again from the server. 退回"""
    from edge.fleet.store import PackStore

    state = PackStore.open(_settings(box)).roll_back()
    now = state.current.version if state.current else "本机配置 own settings"
    typer.echo(f"已退回 · back to {now}")


def _settings(box: Path) -> BoxSettings:
    from edge.box.settings import load_settings

    return load_settings(box)
