"""`kerbwatch serve`."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
import uvicorn

from server import logs
from server.app import create_app, open_services
from server.errors import SettingsError
from server.first_start import Credentials, first_start, has_reviewer, reserve_file, write_file
from server.services import Services
from server.settings import Settings, make_settings
from server.storage import make_folder

_GRACE_S = 10
_BACKLOG = 128


def serve(
    data: Annotated[Path, typer.Option(help="Folder of database and evidence; one service at a time. 数据目录")],
    site: Annotated[Path | None, typer.Option(help="Site folder whose zones the case map shows. 辖区目录")] = None,
    pack_signers: Annotated[
        Path | None, typer.Option(help="Folder of *.pub keys that may sign fleet packs. 下发包签名公钥目录")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on. 监听地址")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one. 端口")] = 8000,
    public_url: Annotated[
        str | None, typer.Option(help="How browsers and devices reach it, e.g. https://cases.example.org. 对外网址")
    ] = None,
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="A proxy in front ends TLS; needs an https --public-url. 位于代理之后"),
    ] = False,
    first_start_file: Annotated[
        Path | None,
        typer.Option(
            help="At first start write reviewer, password and enrolment code to this new file (JSON, mode 0600) "
            "instead of printing them. 首次启动凭据文件"
        ),
    ] = None,
) -> None:
    """Collect reports, make cases, serve reviewers. 汇集上报、生成案件、供人工审核。

    At first start it tells the reviewer's password and one device enrolment code, once. Ctrl-C or SIGTERM ends it in
    order; being killed loses nothing that was acknowledged.
    """
    settings = make_settings(
        data=data.resolve(),
        site=site,
        pack_signers=pack_signers,
        host=host,
        port=port,
        public_url=public_url,
        behind_proxy=behind_proxy,
    )
    if settings.site is not None and not settings.site.is_dir():
        raise SettingsError(f"site folder {settings.site} does not exist")
    if settings.pack_signers is not None and not settings.pack_signers.is_dir():
        raise SettingsError(f"folder of pack signers {settings.pack_signers} does not exist")
    logs.configure()
    with lock_folder(settings.data), listen(settings) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        services = open_services(settings)
        try:
            _tell(services, first_start_file)
            typer.echo(f"审核页面 · review pages  {settings.base_url}/")
            _run(services, listener)
        finally:
            services.database.close()


@contextmanager
def lock_folder(data: Path) -> Iterator[None]:
    """Holds the data folder for this process; the lock ends with the process, however it ends.

    Raises:
        SettingsError: another service holds it, or it cannot be made.
    """
    try:
        make_folder(data)
        descriptor = os.open(data / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(f"data folder {data} cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                f"data folder {data} is in use by another service: stop that one or give another --data"
            ) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def listen(settings: Settings) -> Iterator[socket.socket]:
    """The listening socket, bound before anything is told or changed.

    Raises:
        SettingsError: the port is taken or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
            listener.listen(_BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingsError(
                    f"port {settings.port} on {settings.host} is in use: give another --port, or 0 for any free one"
                ) from None
            raise SettingsError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error
        yield listener


def _tell(services: Services, file: Path | None) -> None:
    """Tells the first credentials, once: to the terminal or to the file, never to the log."""
    if has_reviewer(services):
        return
    # The file comes first: a password that cannot be told must not be made.
    descriptor = reserve_file(file) if file is not None else None
    credentials = first_start(services)
    if descriptor is not None:
        write_file(descriptor, credentials)
    else:
        _print(credentials)


def _print(credentials: Credentials) -> None:
    typer.echo("以下内容只显示一次，请妥善保存 · shown this once, keep it safe:")
    typer.echo(f"  审核员 · reviewer         {credentials.reviewer}")
    typer.echo(f"  密码 · password           {credentials.password}")
    typer.echo(f"  设备注册码 · enrolment code {credentials.enrolment_code}")


def _run(services: Services, listener: socket.socket) -> None:
    settings = services.settings
    config = uvicorn.Config(
        create_app(services),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1",
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = uvicorn.Server(config)

    def end_in_order(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn raises the signal again once it has ended in order; the default handler would kill what is left to do.
    signal.signal(signal.SIGTERM, end_in_order)
    server.run(sockets=[listener])
