"""`cdp serve` and `cdp worker`: processes that run until they are asked to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import click

from cdp.cli.logs import configure_logging, log_uncaught
from cdp.cli.options import database_options, migrated, place_of, plugins_option, run_async, settings_of
from cdp.cli.supervising import supervise
from cdp.errors import BadInput, Misconfigured
from cdp.processes import run_server, run_worker
from cdp.settings import Settings
from cdp.web.siblings import Seat

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command(epilog="Example: cdp serve --data ./data --port 8000")
@click.option("--host", help="Address to listen on [default: 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on [default: 8000].")
@database_options
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Server processes that share the port [default: 1]."
)
@click.option("--worker/--no-worker", default=None, help="Whether to settle too [default: yes].")
@plugins_option
@click.option(
    "--reload", "reloading", is_flag=True, help="Use plugins anew when their files change; for development."
)
def serve(
    *,
    host: str | None,
    port: int | None,
    data: Path | None,
    database_url: str | None,
    workers: int | None,
    worker: bool | None,
    plugins_dir: Path | None,
    reloading: bool,
) -> None:
    """Serve GraphQL and the tracking API, and settle.

    An embedded database is migrated; with --database-url, pending migrations are refused with the command to run.
    Without either the database is a temporary one, gone when the server stops.
    """
    given = settings_of(
        data, database_url, host=host, port=port, workers=workers, worker=worker, plugins_dir=plugins_dir
    )
    if reloading and (given.workers > 1 or not given.worker):
        raise BadInput("--reload is for one process that also settles: leave --workers and --no-worker out.")
    configure_logging(given)
    log_uncaught()
    with place_of(given, making=True, temporary=True) as place, listening(given) as listener:
        run_async(migrated(place, given))
        where, listens = listener.getsockname()[:2]
        says = f"Diptych serves on http://{where}:{listens} (database: {place.described})"
        served = replace(given, database_url=place.app_url)
        serve_on(served, listener, say=lambda: click.echo(says, err=True), reloading=reloading)


def serve_on(
    settings: Settings, listener: socket.socket, *, say: Callable[[], None], reloading: bool = False
) -> None:
    """Serve in as many processes as the settings say, until a signal asks to stop; `say` so as soon as one would.

    Raises:
        Misconfigured: the server processes ended as soon as they had begun.
    """
    with _noting_signals() as noted:
        say()
        if settings.workers > 1:
            supervise(settings, listener, _child, noted)
        elif reloading:
            run_async(_serve_reloading(settings, listener, noted))
        else:
            _serve_here(settings, listener, None, noted)


async def _serve_reloading(settings: Settings, listener: socket.socket, noted: Sequence[int]) -> None:
    from cdp.kit.reloading import Reloading  # noqa: PLC0415 - for development alone

    await Reloading(settings, lambda text: click.echo(text, err=True)).serve([listener], noted)


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """The socket of the settings' host and port, taking connections already.

    Raises:
        Misconfigured: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except socket.gaierror as error:
            raise Misconfigured(f"{settings.host} is no address of this machine; mend --host.") from error
        except OSError as error:
            raise Misconfigured(
                f"Nothing can listen on {settings.host}:{settings.port} ({error.strerror}); choose another --port."
            ) from error
        listener.listen(2048)
        listener.set_inheritable(True)
        yield listener


def _serve_here(settings: Settings, listener: socket.socket, seat: Seat | None, noted: Sequence[int]) -> None:
    """Serve in this process. uvicorn raises the signal again that it was stopped by: by then it has been obeyed."""
    run_async(run_server(settings, sockets=[listener], seat=seat, noted=noted))


@contextmanager
def _noting_signals() -> Iterator[list[int]]:
    """Signals to stop are noted and leave the process running; a second one of a kind that nobody heeds ends it."""
    noted: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        if noted.count(number) > 1:
            raise KeyboardInterrupt
        noted.append(number)

    before = {number: signal.signal(number, note) for number in _STOP_SIGNALS}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _child(settings: Settings, listener: socket.socket, seat: Seat) -> None:
    """A server process among several."""
    with _noting_signals() as noted:
        configure_logging(settings)
        log_uncaught()
        _serve_here(settings, listener, seat, noted)


@click.command(epilog="Example: cdp worker --database-url postgresql://app@db/diptych")
@database_options
@click.option(
    "--health-port",
    type=click.IntRange(1, 65535),
    help="Port for /healthz, /readyz and /metrics [default: none].",
)
@plugins_option
def worker(
    *, data: Path | None, database_url: str | None, health_port: int | None, plugins_dir: Path | None
) -> None:
    """Settle only: resolve roles, enrich, keep the database in order. Several may run at once."""
    settings = settings_of(data, database_url, health_port=health_port, plugins_dir=plugins_dir)
    configure_logging(settings)
    log_uncaught()
    with place_of(settings) as place, ExitStack() as stack:
        run_async(migrated(place, settings))
        port = settings.health_port
        listener = stack.enter_context(listening(replace(settings, port=port))) if port else None
        click.echo(f"Settling (database: {place.described}); stop with Ctrl-C.", err=True)
        run_async(_work(replace(settings, database_url=place.app_url), listener))


async def _work(settings: Settings, listener: socket.socket | None) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    await run_worker(settings, stop=stop, listener=listener)
