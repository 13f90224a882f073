"""What happens to touched profiles: roles, enrichment, failures, and several workers at it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from cdp import roles
from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.model import EnrichedTrait, EnrichmentRequest, MembershipFacts, RoleContribution, WorkspaceId
from cdp.roles.apply import Changes
from tests.settle.parts import (
    CLAIMS,
    NOON,
    WAITING,
    Clock,
    Gate,
    claim,
    enricher,
    event,
    ingest,
    make_worker,
    resolver,
    rows,
)


@pytest.fixture
async def make_plugins() -> AsyncIterator[Callable[..., Plugins]]:
    made: list[Plugins] = []

    def make(**plugins: object) -> Plugins:
        manager = Plugins(deadline=10.0)
        for name, plugin in plugins.items():
            manager.register(plugin, name=name)
        made.append(manager)
        return manager

    yield make
    for manager in made:
        await manager.aclose()


Make = Callable[..., Plugins]


async def test_a_touched_profile_gets_its_roles_and_traits_once(
    database: Database, workspace: WorkspaceId, make_plugins: Make
) -> None:
    """Settling again, with nothing new, writes nothing; a role that is not claimed any more ends."""
    clock = Clock()
    asked: list[str] = []
    claimed = [claim("END_USER"), claim("CHAMPION")]

    def enrich(request: EnrichmentRequest) -> list[EnrichedTrait]:
        asked.append(request.identifiers[0].value)
        return [
            EnrichedTrait(key="company", value={"name": "Acme"}, about=request.identifiers[0], confidence=0.9)
        ]

    plugins = make_plugins(r=resolver(lambda _: claimed), e=enricher(enrich))
    worker = make_worker(database, plugins, clock)
    await ingest(database, workspace, [event("1", "ada")])
    assert await worker.settle_once() == 1
    assert await worker.settle_once() == 0
    traits = (
        "SELECT provider, key, value, confidence, cost, fetched_at FROM enrichment WHERE workspace_id = $1"
    )
    begun = [("ada", "CHAMPION", "r", 0.5, NOON, None), ("ada", "END_USER", "r", 0.5, NOON, None)]
    given = [("e", "company", '{"name": "Acme"}', 0.9, 0, NOON)]
    assert await rows(database, workspace, CLAIMS) == begun
    assert await rows(database, workspace, traits) == given
    assert await rows(database, workspace, WAITING) == []

    versions = "SELECT xmin::text FROM role_claim WHERE workspace_id = $1 ORDER BY claim_id"
    before = await rows(database, workspace, versions)
    clock.advance(hours=1)
    await ingest(database, workspace, [event("2", "ada")])
    assert await worker.settle_once() == 1
    assert await rows(database, workspace, versions) == before
    assert asked == ["ada"]

    claimed.pop()
    await ingest(database, workspace, [event("3", "ada")])
    await worker.settle_once()
    ended = ("ada", "CHAMPION", "r", 0.5, NOON, NOON + timedelta(hours=1))
    assert await rows(database, workspace, CLAIMS) == [ended, begun[1]]


async def test_what_is_touched_while_plugins_are_asked_is_settled_again(
    database: Database, workspace: WorkspaceId, make_plugins: Make
) -> None:
    """The version tells; nothing is lost between reading and writing."""
    gate = Gate()
    seen: list[int] = []

    def resolve(membership: MembershipFacts) -> list[RoleContribution]:
        seen.append(sum(membership.usage.measures.values()))
        gate.wait()
        return []

    worker = make_worker(database, make_plugins(r=resolver(resolve)), Clock())
    await ingest(database, workspace, [event("1", "ada")])
    settling = asyncio.create_task(worker.settle_once())
    await asyncio.to_thread(gate.reached.wait, 10)
    await ingest(database, workspace, [event("2", "ada")])
    gate.opened.set()
    assert await settling == 1
    assert await rows(database, workspace, WAITING) == [("ada", 2, 0, False)]
    assert await worker.settle_once() == 1
    assert await rows(database, workspace, WAITING) == []
    assert seen == [1, 2]


async def test_two_workers_settle_at_the_same_time_and_nobody_twice(
    database: Database, workspace: WorkspaceId, make_plugins: Make
) -> None:
    """Each must be in the middle of its batch for the other to go on; together they see everybody once."""
    together = threading.Barrier(2, timeout=20)
    seen: dict[str, list[int]] = {"a": [], "b": []}

    def resolve_as(name: str) -> Callable[[MembershipFacts], list[RoleContribution]]:
        def resolve(membership: MembershipFacts) -> list[RoleContribution]:
            if not seen[name]:
                together.wait()
            seen[name].append(membership.profile.profile_id)
            return [claim()]

        return resolve

    everybody = await ingest(database, workspace, [event(str(n), f"u{n:02}") for n in range(60)])
    workers = [
        make_worker(database, make_plugins(r=resolver(resolve_as(name))), Clock()) for name in ("a", "b")
    ]

    async def work(index: int) -> int:
        done = 0
        while taken := await workers[index].settle_once(limit=10):
            done += taken
        return done

    done = await asyncio.gather(work(0), work(1))
    assert sum(done) == 60
    assert min(done) >= 10
    assert sorted(seen["a"] + seen["b"]) == sorted(everybody)
    assert len(await rows(database, workspace, CLAIMS)) == 60
    assert await rows(database, workspace, WAITING) == []


async def test_a_worker_that_lost_its_lease_writes_nothing(
    database: Database, workspace: WorkspaceId, make_plugins: Make
) -> None:
    """A second one took over while the first hung in a plugin; the first comes back too late."""
    gate = Gate()

    def slow(_: MembershipFacts) -> list[RoleContribution]:
        gate.wait()
        return [claim("CHAMPION")]

    await ingest(database, workspace, [event("1", "ada")])
    late = make_worker(database, make_plugins(r=resolver(slow)), Clock(), lease=0.0)
    settling = asyncio.create_task(late.settle_once())
    await asyncio.to_thread(gate.reached.wait, 10)
    assert (
        await make_worker(database, make_plugins(r=resolver(lambda _: [claim()])), Clock()).settle_once() == 1
    )
    await ingest(database, workspace, [event("2", "ada")])
    gate.opened.set()
    assert await settling == 1
    assert await rows(database, workspace, CLAIMS) == [("ada", "END_USER", "r", 0.5, NOON, None)]
    assert await rows(database, workspace, WAITING) == [("ada", 1, 0, False)]


async def test_a_failing_plugin_keeps_its_claims_and_is_asked_again_later(
    database: Database, workspace: WorkspaceId, make_plugins: Make
) -> None:
    """Its neighbour's claims are written at once; after the wait it gets another try, and then all is settled."""
    clock = Clock()
    broken = [False]

    def moody(_: MembershipFacts) -> list[RoleContribution]:
        if broken[0]:
            raise RuntimeError("away")
        return [claim("ADVOCATE")]

    worker = make_worker(
        database, make_plugins(moody=resolver(moody), steady=resolver(lambda _: [claim()])), clock
    )
    await ingest(database, workspace, [event("1", "ada")])
    await worker.settle_once()
    broken[0] = True
    await ingest(database, workspace, [event("2", "ada"), event("3", "bob")])
    with capture_logs() as logs:
        assert await worker.settle_once() == 2
        assert await worker.settle_once() == 0
    assert {(log["plugin"], log["hook"], log["error"]) for log in logs} == {
        ("moody", "resolve_roles", "RuntimeError")
    }
    assert sorted(
        (who, role, until) for who, role, _, _, _, until in await rows(database, workspace, CLAIMS)
    ) == [
        ("ada", "ADVOCATE", None),
        ("ada", "END_USER", None),
        ("bob", "END_USER", None),
    ]
    assert await rows(database, workspace, WAITING) == [("ada", 1, 1, False), ("bob", 1, 1, False)]
    broken[0] = False
    clock.advance(seconds=2)
    assert await worker.settle_once() == 2
    assert await rows(database, workspace, WAITING) == []
    assert len(await rows(database, workspace, CLAIMS)) == 4


async def test_one_profile_that_cannot_be_settled_does_not_hold_up_the_others(
    database: Database, workspace: WorkspaceId, make_plugins: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits alone, longer each time, and is named in the log, where the error's words are not."""
    clock = Clock()
    ada = next(iter(await ingest(database, workspace, [event("1", "ada")])))
    await ingest(database, workspace, [event("2", "bob"), event("3", "eve")])
    apply = roles.apply

    async def poisoned(
        connection: object, workspace_id: object, profile_ids: list[int], *rest: object, **named: object
    ) -> Changes:
        if ada in profile_ids:
            raise ZeroDivisionError("poison")
        return await apply(connection, workspace_id, profile_ids, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(roles, "apply", poisoned)
    worker = make_worker(database, make_plugins(r=resolver(lambda _: [claim()])), clock)
    with capture_logs() as logs:
        assert await worker.settle_once() == 3
    assert [(log["event"], log["profile"], log["error"]) for log in logs] == [
        ("profile_not_settled", ada, "ZeroDivisionError")
    ]
    assert "poison'" not in str(logs)
    assert [who for who, *_ in await rows(database, workspace, CLAIMS)] == ["bob", "eve"]
    assert await rows(database, workspace, WAITING) == [("ada", 1, 1, False)]
    clock.advance(seconds=2)
    with capture_logs():
        assert await worker.settle_once() == 1
    due = await rows(database, workspace, "SELECT due_at FROM settlement WHERE workspace_id = $1")
    assert due == [(clock() + timedelta(seconds=4),)]


async def test_a_workspace_that_turns_a_plugin_off_loses_its_claims(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId, make_plugins: Make
) -> None:
    """At the next settling, in that workspace alone."""
    plugins = make_plugins(one=resolver(lambda _: [claim()]), two=resolver(lambda _: [claim("ADVOCATE")]))
    worker = make_worker(database, plugins, Clock())
    for tenant in (workspace, other_workspace):
        await ingest(database, tenant, [event("1", "ada")])
    assert await worker.settle_once() == 2
    async with database.connection(workspace) as connection:
        await connection.execute(
            """UPDATE workspace SET version = version + 1, settings = '{"disabled_plugins": ["one"]}'
               WHERE workspace_id = $1""",
            workspace,
        )
    for tenant in (workspace, other_workspace):
        await ingest(database, tenant, [event("2", "ada")])
    assert await make_worker(database, plugins, Clock()).settle_once() == 2
    current = "SELECT source FROM role_claim WHERE workspace_id = $1 AND until IS NULL ORDER BY source"
    assert await rows(database, workspace, current) == [("two",)]
    assert await rows(database, other_workspace, current) == [("one",), ("two",)]
