"""People and accounts as the waterfall sees them: what is known, how surely, and who need not be asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import (
    AccountEnrichmentRequest,
    AccountId,
    AccountKind,
    EnrichedTrait,
    EnrichmentRequest,
    Identifier,
    NodeId,
    ProfileId,
    Subject,
    WorkspaceId,
)

_QUERIES = load_queries("cdp.enrichment", "subjects.sql")


class Naming(Struct, frozen=True, kw_only=True):
    """What an account goes by."""

    kind: AccountKind
    name: str | None
    domain: str | None
    group_id: str | None


class Case(Struct, kw_only=True):
    """One person or account on its way down the waterfall."""

    subject: Subject
    subject_id: int
    family: tuple[int, ...]
    """Its id, and those of what went into it."""
    own: dict[str, Any]
    """First-party traits: they outrank what providers say."""
    found: dict[str, Any]
    """What providers have found, the surest of each key."""
    known: dict[str, float]
    """How surely each field is known."""
    fresh: frozenset[str]
    """Providers whose answers are still good."""
    nodes: dict[Identifier, NodeId] = {}
    """Of a person."""
    naming: Naming | None = None
    """Of an account."""
    under_way: frozenset[str] = frozenset()
    """Providers that somebody else is asking right now."""

    def learn(self, traits: Iterable[EnrichedTrait]) -> None:
        """Take in what a provider answered."""
        for trait in traits:
            if trait.key not in self.own and trait.confidence > self.known.get(trait.key, 0.0):
                self.found[trait.key] = trait.value
                self.known[trait.key] = trait.confidence

    def request(
        self, provider: str, fields: tuple[str, ...], wanted: tuple[str, ...], *, country: str, now: datetime
    ) -> EnrichmentRequest | AccountEnrichmentRequest:
        """What the provider's plugin is asked."""
        traits = self.found | self.own
        if self.naming is None:
            return EnrichmentRequest(
                profile_id=ProfileId(self.subject_id),
                identifiers=tuple(self.nodes),
                traits=traits,
                default_country=country,
                as_of=now,
                provider=provider,
                fields=fields,
                wanted=wanted,
            )
        return AccountEnrichmentRequest(
            account_id=AccountId(self.subject_id),
            kind=self.naming.kind,
            name=self.naming.name,
            domain=self.naming.domain,
            group_id=self.naming.group_id,
            traits=traits,
            default_country=country,
            as_of=now,
            provider=provider,
            fields=fields,
            wanted=wanted,
        )


async def load(
    connection: Connection,
    workspace_id: WorkspaceId,
    subject: Subject,
    subject_ids: Collection[int],
    *,
    now: datetime,
) -> dict[int, Case]:
    """These subjects; those that are not there, or have gone into another, are missing."""
    if not subject_ids:
        return {}
    read = _people if subject is Subject.PERSON else _accounts
    cases = await read(connection, workspace_id, sorted(subject_ids), now)
    pairs = [(case.subject_id, member) for case in cases.values() for member in case.family]
    rows = await connection.fetch(
        _QUERIES.under_way, workspace_id, subject.value, [one for one, _ in pairs], [one for _, one in pairs]
    )
    for row in rows:
        case = cases[row["subject_id"]]
        case.under_way |= {row["provider"]}
    return cases


async def _people(
    connection: Connection, workspace_id: WorkspaceId, profile_ids: Sequence[int], now: datetime
) -> dict[int, Case]:
    people = await connection.fetch(_QUERIES.people, workspace_id, profile_ids)
    nodes: dict[int, dict[Identifier, NodeId]] = {}
    fresh: dict[int, frozenset[str]] = {}
    for row in await connection.fetch(_QUERIES.nodes, workspace_id, profile_ids, now):
        profile_id, providers = row["profile_id"], frozenset(row["fresh"])
        nodes.setdefault(profile_id, {})[Identifier(row["kind"], row["value"])] = NodeId(row["node_id"])
        fresh[profile_id] = fresh.get(profile_id, providers) & providers
    known = await connection.fetch(_QUERIES.people_known, workspace_id, profile_ids, now)
    cases = {
        row["profile_id"]: _case(
            Subject.PERSON,
            row["profile_id"],
            row,
            fresh=fresh[row["profile_id"]],
            nodes=nodes[row["profile_id"]],
        )
        for row in people
        if row["profile_id"] in nodes
    }
    _take_known(cases, known)
    return cases


async def _accounts(
    connection: Connection, workspace_id: WorkspaceId, account_ids: Sequence[int], now: datetime
) -> dict[int, Case]:
    rows = await connection.fetch(_QUERIES.accounts, workspace_id, account_ids, now)
    cases = {
        row["account_id"]: _case(
            Subject.ACCOUNT,
            row["account_id"],
            row,
            fresh=frozenset(row["fresh"]),
            naming=Naming(
                kind=AccountKind(row["kind"]),
                name=row["name"],
                domain=row["domain"],
                group_id=row["group_id"],
            ),
        )
        for row in rows
    }
    pairs = [(case.subject_id, member) for case in cases.values() for member in case.family]
    known = await connection.fetch(
        _QUERIES.accounts_known, workspace_id, [one for one, _ in pairs], now, [one for _, one in pairs]
    )
    _take_known(cases, known)
    return cases


def _case(subject: Subject, subject_id: int, row: Mapping[str, Any], **of_kind: Any) -> Case:
    own = {key: value for key, value in msgspec.json.decode(row["traits"]).items() if value is not None}
    return Case(
        subject=subject,
        subject_id=subject_id,
        family=(subject_id, *row["past"]),
        own=own,
        found={},
        known=dict.fromkeys(own, 1.0),
        **of_kind,
    )


def _take_known(cases: Mapping[int, Case], rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        case = cases.get(row["subject_id"])
        if case is not None and row["key"] not in case.own:
            case.found[row["key"]] = msgspec.json.decode(row["value"])
            case.known[row["key"]] = row["confidence"]
