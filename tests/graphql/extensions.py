"""A plugin that adds to the schema, for tests: its resolvers note what they were given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import httpx
from msgspec import Struct

from cdp.app import Application, create_asgi
from cdp.errors import BadInput, NotFound
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.model import (
    EventType,
    FieldRequest,
    GraphField,
    GraphMutation,
    GraphQuery,
    IntentLevel,
    MutationAnswer,
    MutationRequest,
    NewEvent,
    ProfileId,
    QueryRequest,
)
from cdp.settings import Settings
from tests.graphql.conftest import NOW, World


class Colour(StrEnum):
    """What a mood looks like."""

    RED = "red"
    BLUE = "blue"
    """Sad."""


class Intent(Struct, frozen=True):
    level: IntentLevel
    score: float


class Kept(Struct, frozen=True):
    """What the mood depends on."""

    id: ProfileId
    created_at: datetime
    buyer_intent: Intent


class Mood(Struct, frozen=True):
    """A mood."""

    colour: Colour
    """What it looks like."""
    level: IntentLevel
    """The level that it is of."""
    weight: Decimal
    """Exactly how much of it there is."""
    whose: ProfileId
    """The person."""
    notes: tuple[str, ...] = ()
    """What else there is."""


class Shade(Struct, frozen=True):
    """How the mood is shown."""

    colour: Colour = Colour.RED
    """Of which colour."""
    notes: tuple[str, ...] = ("calm",)
    """What is noted."""


class Anything(Struct, frozen=True):
    id: str


class Person(Struct, frozen=True):
    display_name: str | None


class Seat(Struct, frozen=True):
    id: str
    person: Person


class Spoken(Struct, frozen=True):
    """What is said to whom."""

    person: ProfileId
    """To whom."""
    text: str
    """What."""


class Name(Struct, frozen=True):
    display_name: str | None


class FoundName(Struct, frozen=True):
    profile: Name | None


@dataclass
class Moody:
    """The plugin, an object rather than a module."""

    asked: list[FieldRequest] = field(default_factory=list)
    fails: BaseException | None = None
    answer: Any = None

    @hookimpl
    def register_fields(self) -> list[GraphField]:
        """Moods of people."""
        return [
            GraphField(
                on="Profile",
                name="mood",
                returns=Mood | None,
                description="How the person is.",
                requires=Kept,
                resolve=self.moods,
                arguments=Shade,
            ),
            GraphField(
                on="Membership",
                name="seat_number",
                returns=int,
                description="A number.",
                requires=Seat,
                resolve=self.numbers,
                labels=frozenset({"usage"}),
            ),
            GraphField(on="Profile", name="town", returns=str, description="Where they live.", trait="city"),
            GraphField(on="Profile", name="address", returns=str, description="Their mail.", trait="email"),
            GraphField(
                on="Profile",
                name="quarter",
                returns=str,
                description="Where they may buy.",
                trait="city",
                labels=frozenset({"intent"}),
            ),
        ]

    @hookimpl
    def register_queries(self) -> list[GraphQuery]:
        """What somebody is called."""
        return [
            GraphQuery(
                name="called",
                returns=str | None,
                description="What the person is called.",
                arguments=Spoken,
                resolve=self.called,
                reads="query ($person: ID!) { profile(id: $person) { displayName } }",
                found=FoundName,
            )
        ]

    @hookimpl
    def register_mutations(self) -> list[GraphMutation]:
        """Say something."""
        return [
            GraphMutation(
                name="greeting_say",
                input=Spoken,
                returns=Mood,
                description="Say something.",
                resolve=self.say,
                ingests=True,
            )
        ]

    def moods(self, request: FieldRequest) -> Any:
        self.asked.append(request)
        if self.fails is not None:
            raise self.fails
        if self.answer is not None:
            return self.answer(request)
        return [
            None
            if kept.buyer_intent.level is IntentLevel.COLD
            else Mood(
                colour=request.arguments.colour,
                level=kept.buyer_intent.level,
                weight=Decimal("1.50"),
                whose=kept.id,
                notes=request.arguments.notes,
            )
            for kept in request.objects
        ]

    async def numbers(self, request: FieldRequest) -> list[int]:
        self.asked.append(request)
        return list(range(len(request.objects)))

    def called(self, request: QueryRequest) -> str | None:
        if request.found.profile is None:
            raise NotFound("Nobody is called that.")
        return f"{request.found.profile.display_name}, {request.arguments.text}"

    def say(self, request: MutationRequest) -> MutationAnswer:
        if not request.input.text:
            raise BadInput("Say something.", field=("text",))
        event = NewEvent(
            type=EventType.TRACK,
            message_id=f"said-{request.input.text}",
            user_id="moody",
            event="Greeting Said",
            properties={"by": request.caller},
        )
        mood = Mood(colour=Colour.BLUE, level=IntentLevel.HOT, weight=Decimal(1), whose=request.input.person)
        return MutationAnswer(result=mood, events=(event,))


@dataclass
class Plugged:
    """An application with this plugin alone, on the world's database."""

    world: World
    application: Application
    client: httpx.AsyncClient

    def ask(self, document: str, *, role: str = "ADMIN", key: str | None = None, **variables: Any) -> Any:
        headers = {"Authorization": f"Bearer {key or self.world.keys[role]}"}
        body = {"query": document, "variables": variables}
        answer = self.world.run(self.client.post("/graphql", json=body, headers=headers))
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def plugged(
    world: World, plugin: Any, *, name: str = "moody", **options: Any
) -> AsyncIterator[Plugged]:
    """Open an application with one plugin."""
    url = world.application.settings.database_url
    plugins = Plugins(**options)
    plugins.register(plugin, name=name)
    assert plugins.left_out() == frozenset(), [one.error for one in plugins.health()]
    settings = Settings(database_url=url, pool_size=2, flush_delay_ms=0.1)
    async with (
        Application.open(settings, clock=lambda: NOW, plugins=plugins) as application,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_asgi(application)), base_url="http://plugged"
        ) as client,
    ):
        yield Plugged(world, application, client)


def module(**functions: Callable[..., Any]) -> SimpleNamespace:
    """A plugin of these hooks."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in functions.items()})
