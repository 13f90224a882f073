"""Enriched traits: asked for when due, kept with the identifier, replaced and removed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from cdp import enrichment
from cdp.db.pool import Database
from cdp.enrichment.apply import Answers
from cdp.hooks.health import FailureKind
from cdp.hooks.outcomes import Answered, Failed
from cdp.model import EnrichedTrait, Identifier, ProfileId, WorkspaceId
from tests.settle.parts import NOON, event, ingest, rows

EMAIL = Identifier("email", "ada@acme.com")
USER = Identifier("user_id", "ada")
DAY = timedelta(days=1)
STORED = """
    SELECT n.kind, e.provider, e.key, e.value, e.confidence, e.cost, e.fetched_at, e.expires_at
    FROM enrichment e JOIN node n ON n.workspace_id = $1 AND n.node_id = e.node_id
    WHERE e.workspace_id = $1 ORDER BY n.kind, e.provider, e.key
"""


def trait(key: str, value: object = 1, about: Identifier = EMAIL, **changes: object) -> EnrichedTrait:
    return EnrichedTrait(key=key, value=value, about=about, confidence=0.5, **changes)


async def give(
    database: Database, workspace: WorkspaceId, answers: Answers, *, after: timedelta = 0 * DAY
) -> int:
    async with database.transaction(workspace) as connection:
        asked = await enrichment.load(connection, workspace, list(answers), now=NOON + after)
        return await enrichment.apply(connection, workspace, asked, answers, now=NOON + after)


async def fresh(
    database: Database, workspace: WorkspaceId, profile_id: ProfileId, after: timedelta
) -> frozenset[str]:
    async with database.connection(workspace) as connection:
        asking = await enrichment.load(connection, workspace, [profile_id], now=NOON + after)
    return asking[profile_id].fresh


async def test_traits_are_kept_per_provider_replaced_and_removed(
    database: Database, workspace: WorkspaceId
) -> None:
    """What a provider no longer gives goes; what another one gave, or could not be asked about, stays."""
    (ada,) = await ingest(database, workspace, [event("1", "ada", identifiers=(USER, EMAIL))])
    first: Answers = {
        ada: {
            "p": Answered((trait("city", "Wien"), trait("size", {"n": 3}, cost=Decimal("0.25")))),
            "q": Answered((trait("city", "Graz", about=USER),)),
        }
    }
    assert await give(database, workspace, first) == 3
    second: Answers = {
        ada: {
            "p": Answered((trait("size", [4], cost=Decimal("0.25"), expires_at=NOON + 3 * DAY),)),
            "q": Failed(FailureKind.TIMED_OUT, "late"),
        }
    }
    assert await give(database, workspace, second, after=DAY) == 1
    assert await rows(database, workspace, STORED) == [
        ("email", "p", "size", "[4]", 0.5, Decimal("0.50"), NOON + DAY, NOON + 3 * DAY),
        ("user_id", "q", "city", '"Graz"', 0.5, Decimal(0), NOON, None),
    ]


async def test_a_provider_is_due_for_new_identifiers_and_when_its_answer_expires(
    database: Database, workspace: WorkspaceId
) -> None:
    """Finding nothing is an answer as well, and stands for 30 days; a failure is none."""
    (ada,) = await ingest(database, workspace, [event("1", "ada", identifiers=(USER,))])
    answers: Answers = {ada: {"empty": Answered(()), "down": Failed(FailureKind.RAISED, "away")}}
    await give(database, workspace, answers)
    assert await fresh(database, workspace, ada, 29 * DAY) == {"empty"}
    assert await fresh(database, workspace, ada, 30 * DAY) == frozenset()

    await ingest(database, workspace, [event("2", "ada", identifiers=(USER, EMAIL))])
    assert await fresh(database, workspace, ada, DAY) == frozenset()
    short: Answers = {ada: {"empty": Answered((trait("k", expires_at=NOON + 2 * DAY),))}}
    await give(database, workspace, short, after=DAY)
    assert await fresh(database, workspace, ada, DAY) == {"empty"}
    assert await fresh(database, workspace, ada, 2 * DAY) == frozenset()


async def test_expired_traits_go_a_chunk_at_a_time(database: Database, workspace: WorkspaceId) -> None:
    """Those that are over longest first, and no others."""
    (ada,) = await ingest(database, workspace, [event("1", "ada", identifiers=(USER, EMAIL))])
    traits = tuple(trait(f"k{day}", expires_at=NOON + day * DAY) for day in range(1, 5))
    await give(database, workspace, {ada: {"p": Answered((*traits, trait("for ever")))}})
    keys = "SELECT key FROM enrichment WHERE workspace_id = $1 ORDER BY key"
    async with database.connection(workspace) as connection:
        assert await enrichment.expire(connection, workspace, now=NOON + 3 * DAY, limit=2) == 2
        assert await rows(database, workspace, keys) == [("for ever",), ("k3",), ("k4",)]
        assert await enrichment.expire(connection, workspace, now=NOON + 3 * DAY, limit=2) == 1
        assert await enrichment.expire(connection, workspace, now=NOON + 3 * DAY, limit=2) == 0
