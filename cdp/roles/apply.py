"""Writing down what role resolvers said."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import AccountId, Evidence, ProfileId, WorkspaceId
from cdp.roles.decide import Answers, Claim, Decision, decide

_queries = load_queries("cdp.roles", "store.sql")
REVISIONS = 20
"""So many earlier readings of a claim are kept; that it began and ended is kept for good."""

_evidence = msgspec.json.Decoder(tuple[Evidence, ...])


class Changes(Struct, frozen=True, kw_only=True):
    """How many claims were written; all zero: nothing had changed, and nothing was written but how long claims hold."""

    begun: int = 0
    revised: int = 0
    ended: int = 0


async def apply(
    connection: Connection,
    workspace_id: WorkspaceId,
    profile_ids: Sequence[ProfileId],
    answers: Answers,
    *,
    kept: Collection[str],
    now: datetime,
) -> Changes:
    """Make the stored claims of these profiles agree with what was answered for their memberships.

    Args:
        connection: in the transaction that settles the profiles.
        workspace_id: the tenant.
        profile_ids: all profiles to settle, also those without any membership left.
        answers: of every membership of theirs; a claim in any other ends.
        kept: plugins whose claims stay as they are.
        now: when claims begin and end.
    """
    rows = await connection.fetch(_queries.current_claims, workspace_id, profile_ids)
    current = [
        Claim(
            claim_id=row["claim_id"],
            place=(ProfileId(row["profile_id"]), AccountId(row["account_id"])),
            role=row["role"],
            source=row["source"],
            confidence=row["confidence"],
            evidence=_evidence.decode(row["evidence"]),
            until=row["valid_until"],
        )
        for row in rows
    ]
    decision = decide(current, answers, kept=kept, now=now)
    await _write(connection, workspace_id, decision, now)
    return Changes(begun=len(decision.begin), revised=len(decision.revise), ended=len(decision.end))


async def note_due(
    connection: Connection,
    workspace_id: WorkspaceId,
    profile_ids: Sequence[ProfileId],
    ends: Sequence[tuple[ProfileId, datetime]],
    *,
    now: datetime,
) -> None:
    """Write down when time alone may change these people's roles next, so that they are settled then.

    Args:
        connection: in the transaction that settles the people.
        workspace_id: the tenant.
        profile_ids: the people.
        ends: when what plugins said of them is over by its own word.
        now: what is before is over.
    """
    to_come = [(profile_id, at) for profile_id, at in ends if at > now]
    await connection.execute(
        _queries.note_due,
        workspace_id,
        profile_ids,
        now,
        [profile_id for profile_id, _ in to_come],
        [at for _, at in to_come],
    )


async def _write(
    connection: Connection, workspace_id: WorkspaceId, decision: Decision, now: datetime
) -> None:
    if decision.end:
        await connection.execute(_queries.end_claims, workspace_id, decision.end, now)
    if decision.revise:
        revised = [claim_id for claim_id, _ in decision.revise]
        await connection.execute(
            _queries.revise_claims,
            workspace_id,
            revised,
            [one.confidence for _, one in decision.revise],
            [_encode(one.evidence) for _, one in decision.revise],
            [one.until for _, one in decision.revise],
            now,
        )
        await connection.execute(_queries.trim_revisions, workspace_id, revised, REVISIONS)
    if decision.extend:
        await connection.execute(
            _queries.extend_claims,
            workspace_id,
            [claim_id for claim_id, _ in decision.extend],
            [until for _, until in decision.extend],
        )
    if decision.begin:
        await connection.execute(
            _queries.insert_claims,
            workspace_id,
            [claim.place[0] for claim in decision.begin],
            [claim.place[1] for claim in decision.begin],
            [claim.contribution.role for claim in decision.begin],
            [claim.source for claim in decision.begin],
            [claim.contribution.confidence for claim in decision.begin],
            [_encode(claim.contribution.evidence) for claim in decision.begin],
            [claim.since for claim in decision.begin],
            [claim.contribution.until for claim in decision.begin],
        )


def _encode(evidence: Sequence[Evidence]) -> str:
    return msgspec.json.encode(evidence).decode()
