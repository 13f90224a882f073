"""Writing down what providers answered: on the identifier that it follows from, or on the account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.enrichment.providers import Source
from cdp.enrichment.subjects import Case
from cdp.enrichment.waterfall import shares
from cdp.model import Charged, EnrichedTrait, Identifier, Subject, WorkspaceId

_QUERIES = load_queries("cdp.enrichment", "store.sql")

ASK_AGAIN = timedelta(days=30)
"""When a provider is asked again whose answers have no time to live."""


class Answer(Struct, frozen=True, kw_only=True):
    """What one provider said of one subject; no traits: it knew nothing."""

    case: Case
    traits: tuple[EnrichedTrait, ...]
    cost: Decimal


async def keep(
    connection: Connection,
    workspace_id: WorkspaceId,
    source: Source,
    answers: Sequence[Answer],
    *,
    now: datetime,
) -> None:
    """Make what is stored of this provider agree with its answers, and note when to ask it again.

    What another provider says of the same trait is kept beside it.
    """
    if not answers:
        return
    kept = [(place, source.name, trait, cost) for one in answers for place, trait, cost in _placed(one)]
    asked = [
        (place, source.name, *_due(source, one, about, now))
        for one in answers
        for about, place in _places(one.case).items()
    ]
    of_account = source.provider.subject is Subject.ACCOUNT
    places = [place for place, _, _, _ in kept]
    names = [name for _, name, _, _ in kept]
    keys = [trait.key for _, _, trait, _ in kept]
    forget = [(member, source.name) for one in answers for member in _whole(one.case)]
    await connection.execute(
        _QUERIES.remove_account_traits if of_account else _QUERIES.remove_traits,
        workspace_id,
        [place for place, _ in forget],
        [name for _, name in forget],
        places,
        names,
        keys,
    )
    await connection.execute(
        _QUERIES.keep_account_traits if of_account else _QUERIES.keep_traits,
        workspace_id,
        now,
        places,
        names,
        keys,
        [msgspec.json.encode(trait.value).decode() for _, _, trait, _ in kept],
        [trait.confidence for _, _, trait, _ in kept],
        [cost for _, _, _, cost in kept],
        [source.provider.currency] * len(kept),
        [_expiry(source, trait, now) for _, _, trait, _ in kept],
    )
    await _note(connection, workspace_id, of_account, asked, now)


async def pass_over(
    connection: Connection,
    workspace_id: WorkspaceId,
    passed: Sequence[tuple[Case, Source]],
    *,
    now: datetime,
) -> None:
    """Note that these providers were not asked since nothing was missing: the next event need not look again."""
    for subject in Subject:
        rows = [
            (place, source.name, now + ASK_AGAIN, None)
            for case, source in passed
            if case.subject is subject
            for place in _places(case).values()
        ]
        if rows:
            await _note(connection, workspace_id, subject is Subject.ACCOUNT, rows, now)


async def expire(
    connection: Connection, workspace_id: WorkspaceId, *, now: datetime, limit: int = 1_000
) -> int:
    """Delete traits whose time is over; how many, at most `limit` of people and of accounts each."""
    gone = 0
    for query in (_QUERIES.expire_traits, _QUERIES.expire_account_traits):
        status = await connection.execute(query, workspace_id, now, limit)
        gone += int(status.rpartition(" ")[2])
    return gone


def cost_of(source: Source, traits: Sequence[EnrichedTrait]) -> Decimal:
    """What an answer costs: what its traits say, else what the provider declares."""
    said = sum((trait.cost for trait in traits), Decimal(0))
    if said > 0:
        return said

    return source.provider.cost if traits or source.provider.charged is Charged.CALL else Decimal(0)


def _placed(answer: Answer) -> list[tuple[int, EnrichedTrait, Decimal]]:
    """Each trait with where it is kept, and what it cost; the costs add up to that of the answer."""
    places = _places(answer.case)
    said = [trait.cost for trait in answer.traits]
    costs = said if any(said) else shares(answer.cost, len(answer.traits))
    return [(places[trait.about], trait, cost) for trait, cost in zip(answer.traits, costs, strict=True)]


def _places(case: Case) -> Mapping[Identifier | None, int]:
    """Where traits about what are kept: nodes of identifiers, or the account (None)."""
    if case.subject is Subject.ACCOUNT:
        return {None: case.subject_id}
    return {identifier: int(node_id) for identifier, node_id in case.nodes.items()}


def _whole(case: Case) -> list[int]:
    """Everywhere that something may be kept."""
    return list(case.family) if case.subject is Subject.ACCOUNT else list(case.nodes.values())


def _due(source: Source, answer: Answer, about: Identifier | None, now: datetime) -> tuple[datetime, bool]:
    """When to ask again, and whether something was found."""
    if not answer.traits:
        missed = source.provider.miss_time_to_live if source.provider.time_to_live else ASK_AGAIN
        return now + missed, False
    expiries = [
        expiry
        for trait in answer.traits
        if trait.about == about and (expiry := _expiry(source, trait, now)) is not None
    ]
    later = now + (source.provider.time_to_live or ASK_AGAIN)
    return (max(now, min(expiries)) if expiries else later), True


def _expiry(source: Source, trait: EnrichedTrait, now: datetime) -> datetime | None:
    if trait.expires_at is not None:
        return trait.expires_at
    return None if source.provider.time_to_live is None else now + source.provider.time_to_live


async def _note(
    connection: Connection,
    workspace_id: WorkspaceId,
    of_account: bool,
    rows: Sequence[tuple[int, str, datetime, bool | None]],
    now: datetime,
) -> None:
    await connection.execute(
        _QUERIES.note_account_asked if of_account else _QUERIES.note_asked,
        workspace_id,
        now,
        [place for place, _, _, _ in rows],
        [name for _, name, _, _ in rows],
        [due for _, _, due, _ in rows],
        [found for _, _, _, found in rows],
    )
