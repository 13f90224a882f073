"""A workspace where the notifier is on, and a server that takes its messages."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cdp.model import AccountRef, EventType
from cdp.workspaces.plugins import configure
from tests.changes.parts import House, event
from tests.settle.parts import rows

NAME = "diptych_notifier"
ACME = AccountRef(group_id="acme", member=True)


class Slack:
    """Takes messages by channel, and answers as it is told to."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.answers: Callable[[str], int] = lambda channel: 200
        self._lock = threading.Lock()
        slack = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                channel = self.path.removeprefix("/")
                status = slack.answers(channel)
                if status == 200:
                    with slack._lock:
                        slack.messages.append((channel, body["text"]))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quietly."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def take(self) -> list[tuple[str, str]]:
        taken, self.messages = sorted(self.messages), []
        return taken

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Office(House):
    """A workspace where the notifier is on."""

    slack: Slack

    async def configure(self, *channels: dict[str, Any], **settings: Any) -> None:
        given = {
            "webhooks": "\n".join(f"{one['name']} {self.slack.url}/{one['name']}" for one in channels),
            "channels": list(channels),
            **settings,
        }
        async with self.database.transaction(self.workspace_id) as connection:
            await configure(
                connection,
                self.workspace_id,
                NAME,
                given,
                self.plugins.settings,
                by="a test",
                now=self.clock(),
            )
        self.workspaces.forget(self.workspace_id)
        self.worker._workspaces.forget(self.workspace_id)


async def ada(office: Office, *names: str) -> None:
    """Ada of Acme does something."""
    number = len(
        await rows(office.database, office.workspace_id, "SELECT 1 FROM event WHERE workspace_id = $1")
    )
    await office.take(
        event(
            "group", "ada", type=EventType.GROUP, name="Grouped", properties={"name": "Acme"}, account=ACME
        ),
        event("name", "ada", type=EventType.IDENTIFY, name="Identified", properties={"name": "Ada <@here>"}),
        *(event(f"{number}.{index}", "ada", name=name, account=ACME) for index, name in enumerate(names)),
    )
