"""What every resolver is given: who asks, in which workspace, and the parts of the process that it may use."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import strawberry

from cdp.access.principals import Principal
from cdp.access.scopes import NO_SCOPES, Scopes
from cdp.db.pool import Connection, Database
from cdp.errors import Unauthenticated
from cdp.identity.kinds import Kinds, make_kinds
from cdp.live.hub import Hub
from cdp.model import Limits, Workspace, WorkspaceId
from cdp.workspaces.cache import Workspaces

if TYPE_CHECKING:
    from cdp.access.authenticator import Authenticator
    from cdp.access.rates import Rates
    from cdp.audit.reads import Reads
    from cdp.graphql.mutations.acts import Act
    from cdp.graphql.reading import Reading
    from cdp.hooks.manager import Plugins
    from cdp.ingest.accumulator import Accumulator
    from cdp.ingest.intake import Intake
    from cdp.personalisation.store import Slots
    from cdp.settle.worker import Worker

NO_KEY = "A key is required: send it as `Authorization: Bearer KEY`."


class Services(Protocol):
    """The parts of a process that resolvers use; cdp.app.Application has them."""

    @property
    def database(self) -> Database:
        """The pool."""

    @property
    def workspaces(self) -> Workspaces:
        """Settings, catalogues and features of the workspaces."""

    @property
    def plugins(self) -> Plugins:
        """The hooks."""

    @property
    def accumulator(self) -> Accumulator:
        """The one write path of events."""

    @property
    def rates(self) -> Rates:
        """How much keys and workspaces have sent lately."""

    @property
    def intake(self) -> Intake:
        """The door of ingest: batches in, a receipt out."""

    @property
    def worker(self) -> Worker:
        """Who settles what was touched; woken after a commit."""

    @property
    def authenticator(self) -> Authenticator:
        """Who a key belongs to."""

    @property
    def reads(self) -> Reads:
        """Who has read personal data."""

    @property
    def hub(self) -> Hub:
        """Who is woken by changes."""

    @property
    def slots(self) -> Slots:
        """Where personalisation is shown."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """The current time, UTC."""


@dataclass(kw_only=True, slots=True, eq=False)
class Context:
    """One request. `as_of` is read once: every view of one answer is of the same moment."""

    services: Services
    principal: Principal | None
    """None: no key was sent; only the schema may be asked for."""
    as_of: datetime
    kinds: Kinds = field(default_factory=make_kinds)
    """Kinds of identifiers, those of plugins too."""
    limits: Limits = field(default_factory=Limits)
    """What the caller's workspace may ask."""
    noted: MutableMapping[str, Any] | None = None
    """Where it is noted how much of that is left: the scope of the request."""
    complete_everything: bool = False
    """Have the ordinary executor complete what could be passed through; for tests of the two ways' agreement."""
    act: Act | None = None
    """The mutation that is being carried out."""
    reading: Reading = field(init=False)
    """What the planner reads for the operation that runs."""

    @property
    def caller(self) -> Principal:
        """Who asks.

        Raises:
            Unauthenticated: no key was sent.
        """
        if self.principal is None:
            raise Unauthenticated(NO_KEY)
        return self.principal

    @property
    def workspace_id(self) -> WorkspaceId:
        """The caller's workspace.

        Raises:
            Unauthenticated: no key was sent.
        """
        return self.caller.workspace_id

    @property
    def scopes(self) -> Scopes:
        """What the caller may do; nothing without a key."""
        return self.principal.scopes if self.principal is not None else NO_SCOPES

    def require(self, scope: str) -> None:
        """Do nothing if the caller has the scope.

        Raises:
            Unauthenticated: no key was sent.
            Forbidden: the key lacks it.
        """
        self.caller.require(scope)

    def spend(self, cost: int) -> None:
        """Count what an operation may cost.

        Raises:
            RateLimited: it is more than the caller may ask for now.
        """
        if self.principal is not None:
            self.services.rates.cost(self.principal, self.limits, cost, self.noted)

    async def workspace(self) -> Workspace:
        """Settings, catalogue and features of the caller's workspace, at most a second old."""
        return await self.services.workspaces.get(self.workspace_id)

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection bound to the caller's workspace."""
        return self.services.database.connection(self.workspace_id)


Info = strawberry.Info[Context, None]
"""What resolvers declare as the type of `info`."""
