"""Loading the demo: workspaces, the data through the real ingest path, settling."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from msgspec import Struct

from cdp.db.pool import Database
from cdp.db.queries import load_queries
from cdp.demo import catalogue, crm, facts, shop, usage
from cdp.demo.tables import Item, moved, shift_to
from cdp.errors import DiptychError, NotFound
from cdp.importing.delivering import Candidate, Courier, Problem
from cdp.ingest.intake import Intake
from cdp.model import CatalogueEntry, Feature, Workspace, WorkspaceId
from cdp.workspaces import change, store

_SQL = load_queries("cdp.demo", "demo.sql")

B2B = "b2b"
SHOP = "shop"

Progress = Callable[[str, int, int], None]
"""Told (what is being done, how much is done, how much there is; 0 while nobody knows)."""


class Loaded(Struct, frozen=True, kw_only=True):
    """What was loaded, and how long it took."""

    events: int
    seconds: float
    """0 where everything was there already."""
    settled: int
    settling_seconds: float


class Settler(Protocol):
    """The part of a worker that loading uses."""

    async def settle_once(self) -> int:
        """Settle some of what is due; how much was taken, 0 when nothing is due."""


class Parts(Protocol):
    """What loading needs of an application."""

    @property
    def database(self) -> Database:
        """Where to."""

    @property
    def intake(self) -> Intake:
        """The door of ingest."""

    @property
    def worker(self) -> Settler:
        """Settles."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """Now."""


class _Plan(Struct, frozen=True, kw_only=True):
    """What a workspace of the demo consists of."""

    name: str
    settings: dict[str, object]
    entries: Sequence[CatalogueEntry]
    features: Sequence[Feature]
    last_day: date


_PLANS = (
    _Plan(
        name=B2B,
        settings=catalogue.B2B_SETTINGS,
        entries=catalogue.B2B_ENTRIES,
        features=catalogue.B2B_FEATURES,
        last_day=crm.LAST_DAY,
    ),
    _Plan(
        name=SHOP,
        settings={},
        entries=catalogue.SHOP_ENTRIES,
        features=catalogue.SHOP_FEATURES,
        last_day=shop.LAST_DAY,
    ),
)


async def load(
    parts: Parts,
    progress: Progress,
    *,
    names: Sequence[str] = (B2B, SHOP),
    simulated: bool = True,
    withheld: Collection[str] = (),
    only: Collection[str] | None = None,
) -> Loaded:
    """Make the demo's workspaces, unless they are there, and bring them their data, unless they have it.

    Args:
        parts: of an application, which do the work.
        progress: told how far it is.
        names: which workspaces.
        simulated: whether the usage side of `b2b`, which the data lacks, is added.
        withheld: traits of people that are left out, to see what is known without them.
        only: accounts of `b2b`, where not all of them are wanted.
    """
    events, seconds = 0, 0.0
    workspaces = []
    for plan in _PLANS:
        if plan.name not in names:
            continue
        workspace = await _workspace(parts, plan)
        workspaces.append(workspace.workspace_id)
        progress(_loading(plan.name), 0, 0)
        items = _items(plan.name, simulated=simulated, withheld=withheld, only=only)
        if await _count(parts, _SQL.count_events, workspace.workspace_id) >= len(items):
            progress(_loading(plan.name), len(items), len(items))
            continue
        # The workspace was made on the day that the data was moved to; an interrupted import goes on with that day.
        shift = shift_to(plan.last_day, workspace.epoch.date())
        await _ensure_partitions(parts, plan.last_day + shift)
        started = time.perf_counter()
        await _import(parts, workspace, items, shift, progress)
        seconds += time.perf_counter() - started
        events += len(items)
    started = time.perf_counter()
    settled = await _settle(parts, workspaces, progress)
    return Loaded(
        events=events, seconds=seconds, settled=settled, settling_seconds=time.perf_counter() - started
    )


def _loading(name: str) -> str:
    return f"loading {name}"


def _items(
    name: str, *, simulated: bool, withheld: Collection[str], only: Collection[str] | None
) -> list[Item]:
    """Everything that is sent to a workspace, in the order of its dates."""
    if name == SHOP:
        found = list(shop.items())
    else:
        tables = crm.Crm(only)
        found = list(facts.items(tables))
        if simulated:
            found += usage.items(tables)
    for item in found:
        if item["type"] == "identify":
            item["traits"] = {key: value for key, value in item["traits"].items() if key not in withheld}
    return sorted(found, key=lambda item: (item["timestamp"], item["messageId"]))


async def _workspace(parts: Parts, plan: _Plan) -> Workspace:
    try:
        workspace_id = await store.by_name(parts.database, plan.name)
    except NotFound:
        workspace_id = await store.create(parts.database, plan.name)
    now = parts.clock()
    async with parts.database.transaction(workspace_id) as connection:
        await change.change_settings(connection, workspace_id, plan.settings, now=now)
        for entry in plan.entries:
            await change.set_entry(connection, workspace_id, entry, now=now)
        for feature in plan.features:
            await change.define_feature(connection, workspace_id, feature)
        return await store.load(connection, workspace_id)


async def _ensure_partitions(parts: Parts, last_day: date) -> None:
    async with parts.database.unbound() as connection:
        for months_back in reversed(range(8)):
            await connection.execute(_SQL.ensure_partition, last_day - timedelta(days=30 * months_back))


async def _import(
    parts: Parts, workspace: Workspace, items: list[Item], shift: timedelta, progress: Progress
) -> None:
    done = 0

    def advanced(count: int) -> None:
        nonlocal done
        done += count
        progress(_loading(workspace.name), done, len(items))

    def rejected(item: Item, problem: Problem) -> None:
        raise DiptychError(f"The demo's own {item['messageId']} was refused: {problem.message}")

    def candidates() -> Iterator[Candidate[Item]]:
        for item in items:
            yield Candidate(item, moved(item, shift))

    courier = Courier[Item](parts.intake, workspace.workspace_id, rejected=rejected, remarked=rejected)
    await courier.take(candidates(), advanced)


async def _settle(parts: Parts, workspaces: Sequence[WorkspaceId], progress: Progress) -> int:
    waiting = 0
    for workspace_id in workspaces:
        waiting += await _count(parts, _SQL.count_waiting, workspace_id)
    done = 0
    while settled := await parts.worker.settle_once():
        done += settled
        progress("settling", min(done, waiting), waiting)
    return done


async def _count(parts: Parts, query: str, workspace_id: WorkspaceId) -> int:
    async with parts.database.connection(workspace_id) as connection:
        found: int = await connection.fetchval(query, workspace_id)
        return found
