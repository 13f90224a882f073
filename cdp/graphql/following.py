"""Following: reading again when something may have changed, and telling only what the follower may see of it.

A follower must not learn from the rhythm of the answers that something happened which it may not see. So an answer is
sent only if it differs, and it is not enough to compare it with the one sent last: scores fade and windows move on, so
that any read differs from an earlier one, and sending it would tell that somebody had a reason to read. Answers are
therefore compared *as of one and the same moment*, the end of the present quarter of an hour, at which nothing but what
is stored makes a difference. What the passing of time changes comes once a quarter of an hour, whatever happens.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from strawberry.types import ExecutionResult

from cdp.access.principals import Principal
from cdp.errors import BadInput, Unavailable
from cdp.graphql.context import Context
from cdp.graphql.execution import Prepared
from cdp.graphql.schema import build_schema
from cdp.graphql.subscriptions import profile_number
from cdp.hooks.manager import Plugins
from cdp.identity.profiles import current_profile
from cdp.live.watch import Watch
from cdp.model import ProfileId
from cdp.plan.selection import Selection
from cdp.plan.values import Leaf

PERIOD = timedelta(minutes=15)
"""After so long an answer is sent for the passing of time alone."""
GAP_SECONDS = 0.25
"""Between two reads of one follower; what changes meanwhile comes together."""
CHECK_SECONDS = 5.0
"""How often the follower's key is looked at while nothing happens."""
AWAY_SECONDS = 1.0
"""Between two tries while the database is away."""

Read = Callable[[datetime], Awaitable[ExecutionResult]]
"""Answers as of a moment."""
Renew = Callable[[], Awaitable[Principal]]
"""Whether the key is still good; raises Unauthenticated once it is not."""


class Following:
    """One subscription: what was sent last, and whether there is anything new to tell."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._sent: bytes | None = None
        self._known: bytes | None = None
        self.due = datetime.min.replace(tzinfo=UTC)
        """When the next answer is read for the passing of time alone; the moment that answers are compared at."""

    async def look(self, now: datetime) -> ExecutionResult | None:
        """What is to be sent now; None: nothing that this follower may see has changed.

        Raises:
            Unavailable: the database is away; nothing is known to have been sent.
        """
        on_time = now >= self.due
        due = _end_of_period(now) if on_time else self.due
        known = mark(await self._read(due))
        if not on_time and known == self._known:
            return None
        answer = await self._read(now)
        sent = mark(answer)
        # What is stored may have changed between the two reads: then the next look finds another difference.
        self.due, self._known = due, known
        if sent == self._sent:
            return None
        self._sent = sent
        return answer


def mark(answer: ExecutionResult) -> bytes:
    """A fingerprint of an answer. Of errors it takes what they are and where, as our own have a new reference each.

    Raises:
        Unavailable: the answer says that the database is away.
    """
    errors = [((error.extensions or {}).get("code"), error.path) for error in answer.errors or ()]
    if any(code == Unavailable.code for code, _ in errors):
        raise Unavailable("The database is away.")
    return hashlib.blake2b(msgspec.json.encode((answer.data, errors)), digest_size=16).digest()


def _end_of_period(now: datetime) -> datetime:
    passed = (now - datetime.min.replace(tzinfo=UTC)) % PERIOD
    return now - passed + PERIOD


async def follow(prepared: Prepared, context: Context, renew: Renew) -> AsyncGenerator[ExecutionResult]:
    """The answers of a subscription, until its root field fails, the process stops, or nobody takes them any more.

    While an answer is not taken, nothing is read: a slow follower gets the latest state, and misses those between.

    Raises:
        Unauthenticated: the key has ended.
        Unavailable: the database is away at the beginning; later it is waited for.
    """
    hub, clock = context.services.hub, context.services.clock
    principal = context.caller
    wanted = _profile_of(prepared, context.services.plugins)

    async def read(as_of: datetime) -> ExecutionResult:
        asking = replace(context, as_of=as_of, principal=principal)
        return await build_schema(context.services.plugins).run(prepared, asking)

    following = Following(read)
    async with hub.watch(principal.workspace_id) as watch:
        first = True
        while not hub.stopping.is_set():
            looked = time.monotonic()
            try:
                async with hub.turn():
                    await _aim(watch, context, wanted)
                    answer = await following.look(clock())
            except Unavailable:
                if first:
                    raise
                await asyncio.sleep(AWAY_SECONDS)
                continue
            first = False
            if answer is not None:
                yield answer
                if _is_last(answer):
                    return
            woken = False
            while not woken and not hub.stopping.is_set() and (left := _seconds_to(following.due, clock())):
                woken = await watch.changed(within=min(left, CHECK_SECONDS))
                principal = await _renewed(renew, principal)
            await asyncio.sleep(max(0.0, looked + GAP_SECONDS - time.monotonic()))


async def _renewed(renew: Renew, principal: Principal) -> Principal:
    try:
        return await renew()
    except Unavailable:
        # Whoever is away cannot say that the key has ended, nor can anything be read meanwhile.
        return principal


async def _aim(watch: Watch, context: Context, wanted: ProfileId | None) -> None:
    """Be woken by what the subscription is about: a person, also as the one that it was merged into, or anything."""
    if wanted is None:
        watch.follow(None)
        return
    async with context.connection() as connection:
        current = await current_profile(connection, context.workspace_id, wanted)
    watch.follow({wanted} if current is None else {wanted, current})


def _profile_of(prepared: Prepared, plugins: Plugins) -> ProfileId | None:
    """The profile that is followed; None: something else is."""
    operation = prepared.operation
    selection = Selection(build_schema(plugins).graphql_schema, operation.fragments, prepared.coerced)
    selected = selection.fields(operation.root, [operation.node.selection_set])
    for node, *_ in selected.values():
        if node.name.value == "profileChanged":
            leaf: Leaf = selection.arguments(operation.root.fields["profileChanged"], node)["id"]
            try:
                return ProfileId(profile_number(leaf.read(prepared.coerced), None))
            except BadInput:
                return None
    return None


def _is_last(answer: ExecutionResult) -> bool:
    """Whether the root field itself failed, or nothing is selected: there will be nothing else."""
    data: Any = answer.data
    if not data:
        return True
    return any(error.path is not None and len(error.path) == 1 for error in answer.errors or ())


def _seconds_to(due: datetime, now: datetime) -> float:
    return max(0.0, (due - now).total_seconds())
