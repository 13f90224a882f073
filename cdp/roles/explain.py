"""Why a person holds the roles that they hold within a membership, or does not: every claim, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.errors import NotFound
from cdp.model import AccountId, Evidence, ProfileId, WorkspaceId
from cdp.roles.combine import HUMAN, Said, Verdict, combine
from cdp.roles.decide import Place

queries = load_queries("cdp.roles", "explain.sql")
_store = load_queries("cdp.roles", "store.sql")
_evidence = msgspec.json.Decoder(tuple[Evidence, ...])

_MOST = 500
"""Claims that are looked at, the latest of them."""


class Revision(Struct, frozen=True, kw_only=True):
    """How a claim read until it was revised."""

    confidence: float
    evidence: tuple[Evidence, ...]
    replaced_at: datetime


class Explanation(Struct, frozen=True, kw_only=True):
    """The verdicts on every role that was ever spoken of, with all that they are made of."""

    place: Place
    verdicts: tuple[Verdict, ...]
    revisions: Mapping[int, tuple[Revision, ...]]
    """By claim, the latest first."""
    as_of: datetime


async def explain(
    connection: Connection,
    workspace_id: WorkspaceId,
    profile_id: ProfileId,
    account_id: AccountId,
    *,
    as_of: datetime,
) -> Explanation:
    """Explain a membership's roles as they are at a time, as far as is remembered.

    Raises:
        NotFound: there is no such membership.
    """
    if not await connection.fetch(_store.membership_nodes, workspace_id, profile_id, account_id):
        raise NotFound("This person is not in that account.")
    place = (profile_id, account_id)
    rows = await connection.fetch(queries.claims, workspace_id, profile_id, account_id, _MOST)
    claims = [
        Said(
            role=row["role"],
            source=row["source"],
            confidence=row["confidence"],
            evidence=_evidence.decode(row["evidence"]),
            since=row["since"],
            until=_first(row["until"], row["valid_until"]),
            claim_id=row["claim_id"],
        )
        for row in rows
    ]
    spoken = await words(connection, workspace_id, [place])
    revisions: dict[int, list[Revision]] = {}
    ids = [one.claim_id for one in claims]
    for row in await connection.fetch(queries.revisions, workspace_id, ids):
        revisions.setdefault(row["claim_id"], []).append(
            Revision(
                confidence=row["confidence"],
                evidence=_evidence.decode(row["evidence"]),
                replaced_at=row["replaced_at"],
            )
        )
    return Explanation(
        place=place,
        verdicts=combine([*claims, *spoken.get(place, ())], as_of=as_of),
        revisions={claim_id: tuple(found) for claim_id, found in revisions.items()},
        as_of=as_of,
    )


async def words(
    connection: Connection, workspace_id: WorkspaceId, places: Sequence[Place]
) -> dict[Place, list[Said]]:
    """What people said of these memberships, for and against roles, past and present."""
    rows = await connection.fetch(
        queries.words, workspace_id, [one for one, _ in places], [account for _, account in places]
    )
    found: dict[Place, list[Said]] = {}
    for row in rows:
        not_ = "it is not so" if row["against"] else "so"
        reason = f"{row['said_by']} says {not_}" + (f": {row['note']}" if row["note"] else "")
        found.setdefault((ProfileId(row["profile_id"]), AccountId(row["account_id"])), []).append(
            Said(
                role=row["role"],
                source=f"{HUMAN}{row['said_by']}",
                confidence=1.0,
                evidence=(Evidence(reason=reason),),
                since=row["since"],
                until=row["until"],
                against=row["against"],
            )
        )
    return found


def _first(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)
