"""What plugins add to the surface of the core: fields, queries and mutations of GraphQL, HTTP routes, commands.

Types of arguments and answers are ordinary Python: `str`, `int`, `float`, `bool`, `datetime`, `date`, `timedelta`,
`Decimal`, enums, `ProfileId` and `AccountId` (which clients see as global ids), lists and tuples of one type, frozen
msgspec Structs, any of them `| None`, and `dict[str, Any]` for JSON. In the schema a Struct and an enum are called
after the plugin and themselves, and are described by their docstrings and those of their attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from cdp.errors import BadInput
from cdp.model.events import EventType

Label: TypeAlias = Literal["intent", "usage", "pii"]
"""What a value reveals, and so which scope it takes to see it: `intent:read`, `usage:read`, `pii:read`."""

ScopeName: TypeAlias = Literal[
    "events:write",
    "profiles:read",
    "pii:read",
    "intent:read",
    "usage:read",
    "profiles:write",
    "workspace:admin",
]
"""A permission of keys."""


class NoArguments(Struct, frozen=True, kw_only=True):
    """Of what takes none."""


class NewEvent(Struct, frozen=True, kw_only=True):
    """An event that a plugin contributes: taken in like one that a tracking client sends, by the same rules."""

    type: EventType
    message_id: str
    """The same event has the same one, however often it is contributed: it counts once."""
    user_id: str | None = None
    anonymous_id: str | None = None
    """One of the two is needed."""
    event: str | None = None
    """Of `track`: its name in the catalogue."""
    group_id: str | None = None
    """Of `group` the account that the person is a member of; of others the one that it happened in."""
    properties: dict[str, Any] = {}
    """Of `track`, `page` and `screen`."""
    traits: dict[str, Any] = {}
    """Of `identify` and `group`."""
    context: dict[str, Any] = {}
    timestamp: datetime | None = None
    """When it happened; None: now."""


# ── fields ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class FieldRequest(Struct, frozen=True, kw_only=True):
    """A field of a plugin, asked of all objects of one list."""

    objects: tuple[Any, ...]
    """Of each object what the field `requires`, as its Struct."""
    arguments: Any
    """The field's arguments as their Struct."""
    scopes: frozenset[str]
    """What the reader may do."""
    as_of: datetime
    """The moment that the whole answer is of."""


class GraphField(Struct, frozen=True, kw_only=True):
    """A field on an object type of the core: worked out by a function, or the value of a trait."""

    on: Literal["Profile", "Account", "Membership"]
    name: str
    """In Python's writing: `next_step` is `nextStep` in the schema."""
    returns: Any
    """Its type. It may always be null besides: the reader may not see it, or the plugin may be ill."""
    description: str
    requires: type[Struct] | None = None
    """What `resolve` is given of each object: a frozen Struct whose attributes are called as fields of the type, in
    Python's writing, with Structs in turn for those that are objects. The planner reads them in the statement of the
    rest. Who may not see one of them may not see the field."""
    resolve: Callable[..., Any] | None = None
    """`(request: FieldRequest)`, and what hooks are offered besides: the values of all objects, in their order."""
    trait: str | None = None
    """Instead of `requires` and `resolve`, on Profile and Account: the key of the trait that the field shows, where
    that is of its type; PostgreSQL reads it, and no Python runs."""
    arguments: type[Struct] = NoArguments
    """A frozen Struct; an attribute without a default must be given."""
    labels: frozenset[str] = frozenset()
    """What it reveals beyond what it requires: each a `Label`, or one of the plugin's own (`PluginInfo.reveals`)."""


# ── queries and mutations ────────────────────────────────────────────────────────────────────────────────────────────


class QueryRequest(Struct, frozen=True, kw_only=True):
    """A query of a plugin, asked by somebody who may."""

    arguments: Any
    """As their Struct."""
    found: Any = None
    """What the query `reads`, as its Struct."""
    scopes: frozenset[str]
    """What the reader may do."""
    as_of: datetime


class GraphQuery(Struct, frozen=True, kw_only=True):
    """A field of Query."""

    name: str
    """In Python's writing."""
    returns: Any
    """Its type; null besides where the plugin is ill."""
    description: str
    resolve: Callable[..., Any]
    """`(request: QueryRequest)`, and what hooks are offered besides: the answer. BadInput, NotFound, Conflict and
    Forbidden of `cdp.errors` are for the reader."""
    arguments: type[Struct] = NoArguments
    scopes: frozenset[ScopeName] = frozenset({"profiles:read"})
    """All that it takes to ask."""
    reads: str | None = None
    """A GraphQL query on the core that is asked first, in the reader's name, with the arguments as its variables."""
    found: type[Struct] | None = None
    """A frozen Struct like `GraphField.requires`, of the data of `reads`."""


class MutationRequest(Struct, frozen=True, kw_only=True):
    """A mutation of a plugin, asked by somebody who may."""

    input: Any
    """As its Struct."""
    found: Any = None
    """What the mutation `reads`, as its Struct."""
    caller: str
    """Name of the key."""
    scopes: frozenset[str]
    as_of: datetime


class MutationAnswer(Struct, frozen=True, kw_only=True):
    """What a mutation did, and what the core is to do for it."""

    result: Any = None
    """Of the type that it `returns`."""
    events: tuple[NewEvent, ...] = ()
    """To be taken in, durably, before the mutation is answered; it must have said that it `ingests`."""


class GraphMutation(Struct, frozen=True, kw_only=True):
    """A field of Mutation: one input, and a payload with `result` and `userErrors`."""

    name: str
    """In Python's writing, the noun first."""
    input: type[Struct]
    returns: Any
    """Type of the payload's `result`."""
    description: str
    resolve: Callable[..., Any]
    """`(request: MutationRequest)`, and what hooks are offered besides: a MutationAnswer. BadInput, NotFound and
    Conflict of `cdp.errors` become `userErrors`."""
    scopes: frozenset[ScopeName] = frozenset({"profiles:write"})
    ingests: bool = False
    """Whether it contributes events; it then takes the scope `events:write` too."""
    reads: str | None = None
    """As GraphQuery.reads; the input's values are its variables."""
    found: type[Struct] | None = None


# ── routes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class KeyAuth(Struct, frozen=True, kw_only=True):
    """Whoever brings a key with all these scopes, as to GraphQL; the key says which workspace."""

    scopes: frozenset[ScopeName]


class WebhookAuth(Struct, frozen=True, kw_only=True):
    """Whoever signs as https://www.standardwebhooks.com says, with a secret that the workspace has set."""

    secret: str
    """Name of the plugin's setting, a Secret."""


class PublicAuth(Struct, frozen=True, kw_only=True):
    """Anybody."""


class RouteRequest(Struct, frozen=True, kw_only=True):
    """A request to a route of a plugin."""

    method: str
    path: dict[str, str]
    """What stands in the path for `{names}`."""
    query: dict[str, str]
    """Of several of one name the last."""
    headers: dict[str, str]
    """By their names in lower case, without those that hold keys or signatures."""
    body: bytes
    delivery: str | None = None
    """Id of a signed delivery, the same when it is sent again: make ids of messages from it."""
    scopes: frozenset[str]
    """What the key may do; nothing without one."""
    as_of: datetime

    def json(self, type: Any = Any) -> Any:  # noqa: A002 - as msgspec calls it
        """The body as JSON of this type.

        Raises:
            BadInput: it is not; the message says where.
        """
        try:
            return msgspec.json.decode(self.body, type=type)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise BadInput(f"The body cannot be read: {error}.") from None


class RouteAnswer(Struct, frozen=True, kw_only=True):
    """The answer of a route, and what the core is to do for it."""

    status: int = 200
    json: Any = None
    """Written as JSON, unless there is a `body`."""
    body: bytes | None = None
    media_type: str = "application/octet-stream"
    """Of `body`."""
    headers: dict[str, str] = {}
    events: tuple[NewEvent, ...] = ()
    """To be taken in, durably, before the request is answered; the route must have said that it `ingests`."""


class Route(Struct, frozen=True, kw_only=True):
    """An address under `/plugins/<plugin>/`; one that no key is needed for has the workspace's id in between."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """Below the prefix, without `/` before it: `hook`, `reports/{name}`."""
    description: str
    handle: Callable[..., Any]
    """`(request: RouteRequest)`, and what hooks are offered besides: a RouteAnswer. Errors of `cdp.errors` become
    answers with their status."""
    auth: KeyAuth | WebhookAuth | PublicAuth
    ingests: bool = False
    """Whether it contributes events; a key then needs the scope `events:write` too."""
    body_bytes: int = 256 * 1024
    """Largest body, at most 1 MB."""


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class CommandRequest(Struct, frozen=True, kw_only=True):
    """A command of a plugin, called for one workspace."""

    arguments: Any
    """As their Struct."""
    found: Any = None
    """What the command `reads`, as its Struct."""
    workspace: str
    """Its name."""
    as_of: datetime


class CommandAnswer(Struct, frozen=True, kw_only=True):
    """What a command prints, and what the core is to do for it."""

    text: str = ""
    failed: bool = False
    """Whether the exit status is 1."""
    events: tuple[NewEvent, ...] = ()
    """To be taken in before anything is printed; it must have said that it `ingests`."""


class Command(Struct, frozen=True, kw_only=True):
    """`cdp <plugin> <name> --workspace NAME …`."""

    name: str
    """In small letters, with hyphens."""
    description: str
    """Its help."""
    run: Callable[..., Any]
    """`(request: CommandRequest)`, and what hooks are offered besides: a CommandAnswer. Errors of `cdp.errors` end it
    with their sentence."""
    arguments: type[Struct] = NoArguments
    """Each attribute is an option: `first` is `--first`."""
    positional: tuple[str, ...] = ()
    """Attributes that stand without a name, in this order."""
    example: str = ""
    """What follows `cdp <plugin>` in the help's example."""
    ingests: bool = False
    seconds: float = 60.0
    """How long it may take."""
    reads: str | None = None
    """As GraphQuery.reads, with all scopes."""
    found: type[Struct] | None = None
