"""`cdp serve --reload`: plugins are what their files say, a second after these were saved.

For development. The whole application is wired anew beside the one that serves, for what plugins register is in the
schema, in the routes and in the catalogue; then new requests go to the new one, and the former ends when it has
answered its own. Where the new one cannot be had, the former goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from socket import socket

from starlette.types import ASGIApp, Receive, Scope, Send

from cdp.app import Application, create_asgi
from cdp.errors import DiptychError
from cdp.hooks.manager import Plugins
from cdp.kit.fresh import Fresh
from cdp.kit.watching import changed, look, roots
from cdp.processes import answering, noting_health, settling
from cdp.settings import Settings

LOOK_SECONDS = 0.25
"""How often files are looked at; what has changed is used when it has stood still that long."""
PATIENCE_SECONDS = 10.0
"""How long requests to a former application may take."""


class Generation:
    """One application, from its wiring to its end, in a task of its own."""

    def __init__(self, settings: Settings, plugins: Plugins) -> None:
        self._settings = settings
        self._plugins = plugins
        self._over = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._under_way = 0
        self._app: ASGIApp | None = None
        self._stop: Callable[[], None] = self._over.set
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._life = asyncio.create_task(self._live())

    async def ready(self) -> None:
        """Wait until it can be asked.

        Raises:
            DiptychError: it cannot be wired; the message says why.
        """
        await asyncio.wait({self._life, self._ready}, return_when=asyncio.FIRST_COMPLETED)
        if self._life.done():
            await self._life

    async def ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, stream or socket."""
        assert self._app is not None
        self._under_way += 1
        self._idle.clear()
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1
            if self._under_way == 0:
                self._idle.set()

    def end_streams(self) -> None:
        """End what would never end by itself."""
        self._stop()

    async def end(self) -> None:
        """Answer what is under way, commit what was accepted, and let go of everything."""
        self.end_streams()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            pass  # whoever asked that has had its time
        self._over.set()
        await self._life

    async def _live(self) -> None:
        async with Application.open(self._settings, plugins=self._plugins) as application:
            self._app = create_asgi(application)
            self._stop = application.hub.stop
            async with noting_health(application), settling(application):
                self._ready.set_result(None)
                await self._over.wait()


class Reloading:
    """Serves with the plugins as their files are.

    Args:
        settings: of the process.
        say: told in words what became of a change.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say
        self._ending: set[asyncio.Task[None]] = set()
        self._errors: dict[str, str] = {}

    async def serve(self, sockets: list[socket], noted: Sequence[int] = ()) -> None:
        """Serve until the process is asked to stop.

        Raises:
            Misconfigured: plugins contradict each other at the start already.
        """
        self._roots = roots(self._settings.plugins_dir)
        self._seen = look(self._roots)
        fresh = Fresh(self._settings, (), ())
        self._tell(fresh.errors)
        self._current = Generation(self._settings, fresh.plugins)
        await self._current.ready()
        watching = asyncio.create_task(self._watch())
        try:
            await answering(
                self._settings,
                self,
                stopping=self._end_streams,
                sockets=sockets,
                noted=noted,
            )
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            await self._current.end()
            if self._ending:
                await asyncio.wait(self._ending)

    def _end_streams(self) -> None:
        self._current.end_streams()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, stream or socket, to the application of the moment."""
        await self._current.ask(scope, receive, send)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = await asyncio.to_thread(look, self._roots)
            files = changed(self._seen, now)
            if not files:
                continue
            await asyncio.sleep(LOOK_SECONDS)
            if await asyncio.to_thread(look, self._roots) == now:
                self._seen = now
                try:
                    await self._renew(files)
                except Exception as error:  # noqa: BLE001 - whatever it is, the former application goes on
                    self._say(f"The former plugins go on: {error!r}")

    async def _renew(self, files: set[Path]) -> None:
        """Go over to what the files say, or say why not."""
        began = time.monotonic()
        names = ", ".join(sorted({file.name for file in files}))
        try:
            fresh = await asyncio.to_thread(Fresh, self._settings, self._roots, files)
        except DiptychError as error:
            self._say(f"{names} changed, and the former plugins go on: {error.message}")
            return
        if fresh.errors.keys() - self._errors.keys():
            fresh.take_back()
            await fresh.plugins.aclose()
            self._tell(fresh.errors)
            self._say(f"{names} changed, and the former plugins go on until that is mended.")
            return
        try:
            generation = Generation(self._settings, fresh.plugins)
            await generation.ready()
        except DiptychError as error:
            fresh.take_back()
            self._say(f"{names} changed, and the former plugins go on: {error.message}")
            return
        former, self._current, self._errors = self._current, generation, fresh.errors
        ending = asyncio.create_task(former.end())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        self._say(f"{names} changed: reloaded in {time.monotonic() - began:.1f} s.")

    def _tell(self, errors: dict[str, str]) -> None:
        for name, why in errors.items():
            self._say(f"{name} is not loaded:\n{why}")
