"""Members of an account are resolved anew when what resolvers are told of the account changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

import msgspec

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import AccountFacts, AccountId, MembershipFacts, WorkspaceId
from cdp.roles import backfill

_queries = load_queries("cdp.roles", "store.sql")


async def note_accounts(
    connection: Connection,
    workspace_id: WorkspaceId,
    memberships: Iterable[MembershipFacts],
    *,
    now: datetime,
) -> list[AccountId]:
    """Have the other members resolved too where an account is not what it was when they were; which accounts.

    An account that was not seen before is only remembered: who was resolved in it saw what there was.
    """
    digests = {
        facts.account.account_id: digest(facts.account) for facts in memberships if facts.account is not None
    }
    if not digests:
        return []
    rows = await connection.fetch(_queries.accounts_seen, workspace_id, sorted(digests))
    seen = {AccountId(row["account_id"]): row["digest"] for row in rows}
    different = sorted(account_id for account_id, now_is in digests.items() if seen.get(account_id) != now_is)
    if different:
        await connection.execute(
            _queries.note_accounts, workspace_id, different, [digests[one] for one in different]
        )
    changed = [account_id for account_id in different if account_id in seen]
    for account_id in changed:
        await backfill.start(
            connection, workspace_id, reason="the account changed", account_id=account_id, now=now
        )
    return changed


def digest(account: AccountFacts) -> str:
    """Of what a member's role may hang on: not how many members there are, which changes with each."""
    facts = (account.kind, account.name, account.domain, account.traits, account.purchase_count > 0)
    return hashlib.blake2b(msgspec.json.encode(facts, order="sorted"), digest_size=12).hexdigest()
