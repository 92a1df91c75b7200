"""`kerbwatch box`: the command line of the unattended box."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from detector.errors import InputError, TransientError

app = typer.Typer(
    help="The unattended box on a vehicle: watch, send, look after itself. 车载终端",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


Config = Annotated[Path, typer.Argument(help="The box's configuration, see docs/box.md. 配置文件", show_default=False)]

Recordings = Annotated[
    bool, typer.Option("--allow-recordings", help="Let file:///path?loop stand for a camera. 演练用录像代替摄像头")
]


@app.callback()
def private(context: typer.Context) -> None:
    """The unattended box on a vehicle: watch, send, look after itself. 车载终端"""
    # What a box writes is for its own user alone, whoever starts it: databases and logs too.
    before = os.umask(0o077)
    context.call_on_close(lambda: os.umask(before))


@app.command()
def run(
    config: Config,
    model: Annotated[
        Path | None, typer.Option(help="Model bundle when the configuration names none. 默认模型包", show_default=False)
    ] = None,
    allow_recordings: Recordings = False,
) -> None:
    """Watch until told to stop; what is found is sent. 运行

    Exit codes: 0 stopped as told; 2 something given is wrong; 75 start again (a new pack, a full disk, the folder in
    use); 70 a mistake in the program. The service of `kerbwatch box unit` starts it again after every one of them.
    """
    from edge.box.logs import write_json_lines
    from edge.box.run import run_box

    write_json_lines()
    code = run_box(config, model, allow_files=allow_recordings)
    if code:
        raise typer.Exit(code)


@app.command()
def check(config: Config, allow_recordings: Recordings = False) -> None:
    """Read the configuration and the site, and say what is wrong. 检查配置"""
    from detector.site.load import load_site
    from edge.box.fit import check_addresses, check_cameras
    from edge.box.settings import load_settings

    settings = load_settings(config)
    check_addresses(settings, allow_files=allow_recordings)
    check_cameras(settings, load_site(settings.site))
    cameras = ", ".join(camera.camera_id for camera in settings.cameras)
    typer.echo(f"{config}: 配置无误 · no fault found; 摄像头 cameras: {cameras}")


@app.command()
def enrol(
    config: Config,
    code: Annotated[
        str | None,
        typer.Option(
            help="One-time code from a reviewer; asked for when left out. 注册码", envvar="KERBWATCH_ENROL_CODE"
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="What the server calls this box; default: as before, at first its host name. 名称"),
    ] = None,
) -> None:
    """Make this box known to its server; again, for a new token: what waits is kept. 注册"""
    from edge.box.settings import load_settings
    from edge.device import load_enrolment, open_key
    from edge.uplink.enrol import enrol as make_known

    settings = load_settings(config)
    if settings.uplink is None:
        raise InputError(f"{config} names no server: give uplink.server first")
    given = code or typer.prompt("Code 注册码", hide_input=True)
    key = open_key(settings.state)
    before = load_enrolment(settings.state)
    called = name or (before.name if before is not None else socket.gethostname())
    done = make_known(settings.state, settings.uplink.server, given, key, called)
    typer.echo(f"已注册 enrolled at {done.server_url}: {done.name} ({done.device_id[:12]})")


@app.command()
def gnss(
    config: Config,
    once: Annotated[
        bool, typer.Option("--once", help="One line, after the first fix or 10 s; exit code 75 without a fix. 只报一次")
    ] = False,
) -> None:
    """What the receiver says, every second until Ctrl-C. 查看定位模块"""
    from edge.box.gnss_line import watch_gnss
    from edge.box.settings import load_settings

    settings = load_settings(config)
    if settings.gnss is None:
        raise InputError(f"{config} names no receiver: give gnss.serial or gnss.gpsd first")
    found = watch_gnss(settings.gnss, once=once)
    if not found:
        raise typer.Exit(TransientError.exit_code)


@app.command()
def page(
    config: Config,
    forget: Annotated[bool, typer.Option("--forget", help="End every pairing. 解除所有手机的配对")] = False,
) -> None:
    """Show a code that pairs one phone with the rider's page, good for ten minutes. 显示手机配对码"""
    from edge.box.settings import load_settings
    from edge.page.pairing import CODE_LIFE_S, Pairings

    settings = load_settings(config)
    if settings.page is None:
        raise InputError(f"{config} turns the rider's page off (page: null)")
    with Pairings(settings.state) as pairings:
        if forget:
            typer.echo(f"已解除 {pairings.forget()} 部手机的配对 · phones unpaired")
            return
        code = pairings.new_code()
    typer.echo(f"配对码 code: {code}  ({CODE_LIFE_S / 60:.0f} 分钟内有效 minutes)")
    typer.echo(f"手机打开 open on the phone: http://{settings.page.host}:{settings.page.port}")


@app.command()
def unit(
    config: Config,
    user: Annotated[
        str | None, typer.Option(help="User to run as; left out, systemd makes one. 运行用户", show_default=False)
    ] = None,
) -> None:
    """Print the systemd unit of this box. 输出 systemd 服务文件"""
    from edge.box.settings import load_settings
    from edge.box.unit import unit_text

    typer.echo(unit_text(load_settings(config), config.absolute(), user=user), nl=False)


@app.command()
def doctor(
    config: Config,
    model: Annotated[
        Path | None, typer.Option(help="Model bundle when the configuration names none. 默认模型包", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON. 输出 JSON")] = False,
    allow_recordings: Recordings = False,
) -> None:
    """Look at everything the box needs; says what is wrong and what to do. 体检

    Exit codes: 0 all well, 1 warnings, 2 something is bad.
    """
    from edge.box.doctor import examine, report

    worst = report(examine(config, model, allow_files=allow_recordings), as_json=as_json, write=typer.echo)
    if worst:
        raise typer.Exit(worst)
