"""What the tests of faults share: events that touch every part of the path, and whether all of it adds up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from cdp.db.pool import Database
from cdp.ingest.results import Outcome
from cdp.lenses.rebuild import rebuild
from cdp.model import Event, EventType, Identifier, WorkspaceId
from tests.ingest.parts import Ingest, event, stored_ids

_SEEN = "SELECT coalesce(sum(count), 0)::bigint FROM summary_tally WHERE workspace_id = $1 AND kind = 'seen'"


def a_visit(name: str, person: str = "ada") -> list[Event]:
    """Somebody comes, says who she is and in which account, looks at the price and uses the product."""
    user, browser = Identifier("user_id", person), Identifier("anonymous_id", f"browser of {person}")
    email = Identifier("email", f"{person}@initech.example")
    return [
        event(f"{name}-page", identifiers=(browser,), type=EventType.PAGE, name="Page Viewed"),
        event(
            f"{name}-identify", identifiers=(user, browser, email), type=EventType.IDENTIFY, name="Identify"
        ),
        event(
            f"{name}-group",
            identifiers=(user,),
            type=EventType.GROUP,
            name="Group",
            properties={"name": "Initech"},
            context={"groupId": "initech"},
        ),
        event(f"{name}-price", identifiers=(user,), name="Pricing Viewed"),
        event(f"{name}-use", identifiers=(user,), name="Feature Used", properties={"feature": "export"}),
    ]


async def submit(ingest: Ingest, workspace: WorkspaceId, events: Sequence[Event]) -> None:
    """Hand events in; they are acknowledged, whether they were stored now or by an earlier try."""
    results = await ingest.accumulator.submit(workspace, events)
    assert {result.outcome for result in results} <= {Outcome.STORED, Outcome.DUPLICATE}


async def assert_once_and_right(database: Database, workspace: WorkspaceId, events: Sequence[Event]) -> None:
    """Each of the events is stored and counted once, nothing else is, and the views are what the events say."""
    assert await stored_ids(database, workspace) == sorted(one.message_id for one in events)
    async with database.connection(workspace) as connection:
        assert await connection.fetchval(_SEEN, workspace) == len(events)
    report = await rebuild(database, workspace, check=True)
    assert (report.events, report.differences) == (len(events), {})


class Wire:
    """A wire to PostgreSQL that can be cut: after so many messages of the client, before or after they are obeyed."""

    def __init__(self, to: str) -> None:
        self._to = to
        self._left: int | None = None
        self._obeyed = False
        self._carried: set[asyncio.Task[None]] = set()
        self.cuts = 0

    def cut_after(self, messages: int, *, obeyed: bool) -> None:
        """Cut it once, so many messages from now; `obeyed`: the server gets the last one, and its answer is lost."""
        self._left, self._obeyed = messages, obeyed

    @property
    def whole(self) -> bool:
        """Whether it has not come to the message yet after which it is to be cut."""
        return self._left is not None

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one more connection."""
        self._carried.add(asyncio.create_task(self._client(reader, writer)))

    async def ended(self) -> None:
        """Wait for the end of what it carries."""
        await asyncio.gather(*self._carried)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._to)
        answers = asyncio.create_task(_carry(from_server, writer))
        while data := await reader.read(1 << 16):
            if self._is_cut():
                if self._obeyed:
                    await _ended(answers)
                    to_server.write(data)
                    await from_server.read(1)
                break
            to_server.write(data)
        await _ended(answers)
        to_server.close()
        writer.close()

    def _is_cut(self) -> bool:
        if self._left is None or self._left > 0:
            self._left = None if self._left is None else self._left - 1
            return False
        self._left = None
        self.cuts += 1
        return True


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
    writer.close()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


@asynccontextmanager
async def wire_to(url: str, folder: Path) -> AsyncIterator[tuple[Wire, str]]:
    """A wire to the PostgreSQL of `url`, and the URL at its other end."""
    host = parse_qs(urlsplit(url).query)["host"][0]
    wire = Wire(f"{host}/.s.PGSQL.5432")
    server = await asyncio.start_unix_server(wire.accept, str(folder / ".s.PGSQL.5432"))
    yield wire, url.replace(urlsplit(url).query, f"host={folder}&port=5432")
    server.close()
    await wire.ended()


async def until(superuser: asyncpg.Connection, question: str, answer: object) -> None:
    """Ask PostgreSQL until that is the answer."""
    while await superuser.fetchval(question) != answer:
        pass
