"""What the core does with a plugin's code: order, answers, and every way in which it can go wrong."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from cdp.hooks import hookimpl
from cdp.hooks.health import CircuitState, FailureKind
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered, Failed
from cdp.model import (
    Candidate,
    EnrichedTrait,
    EnrichmentRequest,
    Evidence,
    Identifier,
    IdentifierKind,
    IntentFacts,
    Lens,
    MembershipFacts,
    PersonalisationRequest,
    ProfileFacts,
    ProfileId,
    RoleContribution,
    RoleKind,
    UsageFacts,
)

Make = Callable[..., Plugins]

TINY = 0.4
"""A deadline in seconds for what hangs: long enough for its neighbours on a busy machine."""

AS_OF = datetime(2026, 11, 21, 12, tzinfo=UTC)
EMAIL = Identifier("email", "ada@example.com")


def membership(profile_id: int = 1) -> MembershipFacts:
    return MembershipFacts(
        profile=ProfileFacts(
            profile_id=ProfileId(profile_id),
            display_name="Ada",
            identifiers=(EMAIL,),
            traits={"job_title": "CFO", "tags": ["a"]},
            intent=IntentFacts(),
            usage=UsageFacts(),
            as_of=AS_OF,
        ),
        account=None,
        own=True,
        intent=IntentFacts(),
        usage=UsageFacts(),
        since=None,
        until=None,
        as_of=AS_OF,
    )


def enrichment_request(profile_id: int = 1) -> EnrichmentRequest:
    return EnrichmentRequest(
        profile_id=ProfileId(profile_id), identifiers=(EMAIL,), traits={}, default_country="US", as_of=AS_OF
    )


def personalisation_request(profile_id: int = 1) -> PersonalisationRequest:
    return PersonalisationRequest(
        slot="home_hero", membership=membership(profile_id), roles=("END_USER",), features=()
    )


def claim(role: str, confidence: float = 0.5) -> RoleContribution:
    return RoleContribution(role=role, confidence=confidence, evidence=(Evidence(reason="told so"),))


@pytest.fixture
async def make_plugins() -> AsyncIterator[Callable[..., Plugins]]:
    """Makes managers with a deadline that only what hangs will miss, and lets go of them afterwards."""
    made: list[Plugins] = []

    def make(**arguments: object) -> Plugins:
        plugins = Plugins(**{"deadline": 10.0, **arguments})
        made.append(plugins)
        return plugins

    yield make
    for plugins in made:
        await plugins.aclose()


@pytest.fixture
def hang() -> Iterator[Callable[[], None]]:
    """Blocks its thread for 30 seconds, or until the test is over."""
    over = threading.Event()

    def block() -> None:
        over.wait(30)

    yield block
    over.set()


def plugin(**hooks: Callable[..., object]) -> SimpleNamespace:
    """A plugin of functions; lambdas keep their arguments' names."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def failures(answer: dict[str, Answered[object] | Failed]) -> dict[str, FailureKind | None]:
    return {name: one.kind if isinstance(one, Failed) else None for name, one in answer.items()}


async def test_one_plugin_with_every_hook_is_called_in_this_order(make_plugins: Make) -> None:
    """register_ hooks once when it is registered; the others once a request, with the request itself."""
    called: list[object] = []

    class Everything:
        @hookimpl
        def register_identifier_kinds(self) -> list[IdentifierKind]:
            called.append("register_identifier_kinds")
            return [
                IdentifierKind(
                    name="crm_id", priority=15, limit=1, normalise=lambda value, country: value.lower()
                )
            ]

        @hookimpl
        def register_roles(self) -> list[RoleKind]:
            called.append("register_roles")
            return [RoleKind(name="BLOCKER", description="Says no.")]

        @hookimpl
        def resolve_roles(self, membership: object) -> list[RoleContribution]:
            called.append(("resolve_roles", membership))
            return [claim("BLOCKER")]

        @hookimpl
        async def enrich_person(self, request: object) -> list[EnrichedTrait]:
            called.append(("enrich_person", request))
            return [EnrichedTrait(key="company", value="Acme", about=EMAIL, confidence=0.9)]

        @hookimpl
        def choose_personalisation(self, request: object) -> Candidate:
            called.append(("choose_personalisation", request))
            return Candidate(variant="a", content={}, lens=Lens.USAGE, reason="because")

    plugins = make_plugins()
    plugins.register(Everything(), name="everything", version="1")
    roles = await plugins.resolve_roles([membership(1), membership(2)])
    traits = await plugins.enrich_person([enrichment_request()], wanted=lambda name, index: True)
    chosen = await plugins.choose_personalisation([personalisation_request()])

    assert called == [
        "register_identifier_kinds",
        "register_roles",
        ("resolve_roles", membership(1)),
        ("resolve_roles", membership(2)),
        ("enrich_person", enrichment_request()),
        ("choose_personalisation", personalisation_request()),
    ]
    assert roles == [{"everything": Answered((claim("BLOCKER"),))}] * 2
    assert traits == [
        {"everything": Answered((EnrichedTrait(key="company", value="Acme", about=EMAIL, confidence=0.9),))}
    ]
    assert chosen == [("everything", Candidate(variant="a", content={}, lens=Lens.USAGE, reason="because"))]
    assert [kind.normalise("X1", "US") for kind in plugins.identifier_kinds()] == ["x1"]
    assert list(plugins.roles())[-1] == "BLOCKER"
    (health,) = plugins.health()
    assert [(hook.hook, hook.calls, hook.circuit) for hook in health.hooks if hook.calls] == [
        ("choose_personalisation", 1, CircuitState.CLOSED),
        ("enrich_person", 1, CircuitState.CLOSED),
        ("resolve_roles", 2, CircuitState.CLOSED),
    ]


async def test_later_plugins_come_first_and_the_first_answer_ends_the_question(make_plugins: Make) -> None:
    """None passes the question on; tryfirst moves to the front; who comes after the answer is not asked."""
    asked: list[str] = []

    def answering(name: str, variant: str | None) -> Callable[..., Candidate | None]:
        def choose_personalisation(request: object) -> Candidate | None:
            asked.append(name)
            return variant and Candidate(variant=variant, content={}, lens=Lens.INTENT, reason="r")

        return choose_personalisation

    plugins = make_plugins()
    plugins.register(plugin(choose_personalisation=answering("first", "one")), name="first")
    plugins.register(plugin(choose_personalisation=answering("second", "two")), name="second")
    plugins.register(plugin(choose_personalisation=answering("third", None)), name="third")
    eager = SimpleNamespace(choose_personalisation=hookimpl(answering("eager", None), tryfirst=True))
    plugins.register(eager, name="eager")
    plugins.register(plugin(choose_personalisation=answering("last", None)), name="last")
    (chosen,) = await plugins.choose_personalisation([personalisation_request()])
    assert asked == ["eager", "last", "third", "second"]
    assert chosen is not None
    assert (chosen[0], chosen[1].variant) == ("second", "two")


async def test_an_async_first_plugin_that_answers_none_does_not_end_the_chain(make_plugins: Make) -> None:
    """What plain pluggy gets wrong: a coroutine is not an answer."""

    async def nothing(request: object) -> None:
        return None

    plugins = make_plugins()
    plugins.register(
        plugin(
            choose_personalisation=lambda request: Candidate(
                variant="v", content={}, lens=Lens.USAGE, reason="r"
            )
        ),
        name="answers",
    )
    plugins.register(plugin(choose_personalisation=nothing), name="passes")
    (chosen,) = await plugins.choose_personalisation([personalisation_request()])
    assert chosen is not None
    assert chosen[0] == "answers"


async def test_enrichment_falls_from_plugin_to_plugin(make_plugins: Make) -> None:
    """The next one sees what was found; what a person said is not replaced; the unwanted are not asked."""
    seen: list[object] = []

    def second(request: object) -> list[EnrichedTrait]:
        seen.append(request.traits)  # type: ignore[attr-defined]
        return []

    plugins = make_plugins()
    plugins.register(plugin(enrich_person=second), name="b_second")
    plugins.register(
        plugin(
            enrich_person=lambda request: [
                EnrichedTrait(key=key, value="found", about=EMAIL, confidence=1)
                for key in ("city", "company")
            ]
        ),
        name="a_first",
    )
    plugins.register(plugin(enrich_person=lambda request: 1 / 0), name="not_due")
    request = enrichment_request()
    request = type(request)(
        profile_id=request.profile_id,
        identifiers=request.identifiers,
        traits={"company": "said"},
        default_country="US",
        as_of=AS_OF,
    )
    (answer,) = await plugins.enrich_person([request], wanted=lambda name, index: name != "not_due")
    assert seen == [{"company": "said", "city": "found"}]
    assert list(answer) == ["a_first", "b_second"]


async def test_a_plugin_cannot_change_what_its_neighbour_sees(make_plugins: Make) -> None:
    """Each gets its own copy of every dict and list."""
    seen: list[object] = []

    def spoil(membership: object) -> list[RoleContribution]:
        membership.profile.traits["tags"].append("spoilt")  # type: ignore[attr-defined]
        membership.profile.traits["job_title"] = "none"  # type: ignore[attr-defined]
        return []

    def look(membership: object) -> list[RoleContribution]:
        seen.append(membership)
        return []

    facts = membership()
    for names in (("a", "b"), ("b", "a")):
        plugins = make_plugins(threads=1)
        for name in names:
            plugins.register(plugin(resolve_roles={"a": spoil, "b": look}[name]), name=name)
        await plugins.resolve_roles([facts])
    assert seen == [membership(), membership()]
    assert facts == membership()


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_plugin_that_raises_loses_its_own_contribution_and_is_named(
    make_plugins: Make, asynchronous: bool
) -> None:
    """Its neighbour's claims stand; logs say who, where and what kind of error, health its words, too."""

    def fall(membership: object) -> list[RoleContribution]:
        raise SystemExit("I quit")

    async def fall_async(membership: object) -> list[RoleContribution]:
        raise ZeroDivisionError("by zero")

    plugins = make_plugins()
    plugins.register(plugin(resolve_roles=fall_async if asynchronous else fall), name="culprit")
    plugins.register(plugin(resolve_roles=lambda: [claim("END_USER")]), name="neighbour")
    with capture_logs() as logs:
        (answer,) = await plugins.resolve_roles([membership()])
    error = "ZeroDivisionError: by zero" if asynchronous else "SystemExit: I quit"
    assert answer == {
        "neighbour": Answered((claim("END_USER"),)),
        "culprit": Failed(FailureKind.RAISED, error),
    }
    assert [(log["plugin"], log["hook"], log["kind"], log["error"]) for log in logs] == [
        ("culprit", "resolve_roles", "RAISED", error.partition(":")[0])
    ]
    hook = next(one for one in plugins.health() if one.name == "culprit").hooks[0]
    assert (hook.calls, hook.failures, hook.last_error) == (1, 1, error)


async def test_a_plugin_that_hangs_is_left_at_the_deadline(
    make_plugins: Make, hang: Callable[[], None]
) -> None:
    """For 30 seconds, in a thread, in a coroutine, in a coroutine that resists, or blocking its event loop."""

    async def sleeps(membership: object) -> None:
        await asyncio.sleep(30)

    async def resists(membership: object) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                resisted.set()
                if over.is_set():
                    raise

    async def blocks(membership: object) -> None:
        hang()

    over, resisted = threading.Event(), threading.Event()
    plugins = make_plugins(deadline=TINY)
    plugins.register(plugin(resolve_roles=lambda membership: hang()), name="hangs")
    plugins.register(plugin(resolve_roles=sleeps), name="sleeps")
    plugins.register(plugin(resolve_roles=resists), name="resists")
    plugins.register(plugin(resolve_roles=blocks), name="blocks")
    plugins.register(plugin(resolve_roles=lambda: [claim("END_USER")]), name="neighbour")
    began = time.monotonic()
    (answer,) = await plugins.resolve_roles([membership()])
    took = time.monotonic() - began
    late = FailureKind.TIMED_OUT
    assert failures(answer) == {
        "neighbour": None,
        "blocks": late,
        "resists": late,
        "sleeps": late,
        "hangs": late,
    }
    assert took < 5
    assert resisted.wait(5)
    over.set()


async def test_a_batch_goes_on_after_a_call_that_hangs(make_plugins: Make, hang: Callable[[], None]) -> None:
    """One person on whom a plugin hangs costs the others nothing but that person's deadline."""

    def resolve_roles(membership: object) -> list[RoleContribution]:
        if membership.profile.profile_id == 2:  # type: ignore[attr-defined]
            hang()
        return [claim("END_USER")]

    plugins = make_plugins(deadline=TINY)
    plugins.register(plugin(resolve_roles=resolve_roles), name="moody")
    answers = await plugins.resolve_roles([membership(number) for number in (1, 2, 3, 4)])
    assert [failures(answer)["moody"] for answer in answers] == [None, FailureKind.TIMED_OUT, None, None]


async def test_a_plugin_whose_threads_all_hang_is_not_called_any_more(
    make_plugins: Make, hang: Callable[[], None]
) -> None:
    """Threads are few; who has used them up gets no more, and nobody waits for them."""
    plugins = make_plugins(deadline=TINY, threads=2, failures_to_open=100)
    plugins.register(plugin(resolve_roles=lambda membership: hang()), name="hangs")
    answers = await plugins.resolve_roles([membership(number) for number in range(50)])
    kinds = [failures(answer)["hangs"] for answer in answers]
    assert kinds == [FailureKind.TIMED_OUT] * 2 + [FailureKind.SKIPPED] * 48
    assert answers[-1]["hangs"] == Failed(FailureKind.SKIPPED, "every thread of the plugin hangs")
    assert [hook.skipped for hook in plugins.health()[0].hooks] == [48]


async def test_a_blocked_event_loop_is_replaced(make_plugins: Make, hang: Callable[[], None]) -> None:
    """The plugin's next call runs on a fresh loop."""
    block = [True]

    async def resolve_roles(membership: object) -> list[RoleContribution]:
        if block.pop() if block else False:
            hang()
        return [claim("END_USER")]

    plugins = make_plugins(deadline=TINY)
    plugins.register(plugin(resolve_roles=resolve_roles), name="moody")
    (first,) = await plugins.resolve_roles([membership()])
    (second,) = await plugins.resolve_roles([membership()])
    assert failures(first) == {"moody": FailureKind.TIMED_OUT}
    assert failures(second) == {"moody": None}


async def test_the_circuit_opens_after_failures_in_a_row_and_tries_one_call_later(make_plugins: Make) -> None:
    """Three failures: left alone; after a while one call decides; a success closes it."""
    seconds = [0.0]
    broken = [True]
    called: list[int] = []

    def resolve_roles(membership: object) -> list[RoleContribution]:
        called.append(membership.profile.profile_id)  # type: ignore[attr-defined]
        if broken[0]:
            raise RuntimeError("away")
        return []

    plugins = make_plugins(failures_to_open=3, open_seconds=30, monotonic=lambda: seconds[0])
    plugins.register(plugin(resolve_roles=resolve_roles), name="service")

    def circuit() -> CircuitState:
        return plugins.health()[0].hooks[0].circuit

    people = [membership(number) for number in range(1, 6)]
    await plugins.resolve_roles(people)
    assert (called, circuit()) == ([1, 2, 3], CircuitState.OPEN)
    seconds[0] = 30
    assert circuit() == CircuitState.HALF_OPEN
    await plugins.resolve_roles(people)
    assert (called, circuit()) == ([1, 2, 3, 1], CircuitState.OPEN)
    seconds[0] = 60
    broken[0] = False
    await plugins.resolve_roles(people)
    assert (called[4:], circuit()) == ([1, 2, 3, 4, 5], CircuitState.CLOSED)


class Endless:
    """A value that fails whoever looks at it."""

    def __repr__(self) -> str:
        raise RuntimeError("do not look")


NONSENSE_ROLES = {
    "nothing": None,
    "a number": 7,
    "a generator": (claim("END_USER") for _ in range(1)),
    "a dict": {"END_USER": 0.5},
    "names": ["END_USER"],
    "an unknown role": [claim("KING")],
    "a role that is no text": [claim(7)],  # type: ignore[arg-type]
    "no confidence": [claim("END_USER", 0.0)],
    "too much confidence": [claim("END_USER", 1.01)],
    "not a number": [claim("END_USER", float("nan"))],
    "a text": [claim("END_USER", "high")],  # type: ignore[arg-type]
    "no evidence": [RoleContribution(role="END_USER", confidence=0.5, evidence=())],
    "empty evidence": [RoleContribution(role="END_USER", confidence=0.5, evidence=(Evidence(reason=" "),))],
    "evidence that cannot be kept": [
        RoleContribution(
            role="END_USER", confidence=0.5, evidence=(Evidence(reason="x", facts={"a": Endless()}),)
        )
    ],
    "a NUL character": [
        RoleContribution(role="END_USER", confidence=0.5, evidence=(Evidence(reason="a\0b"),))
    ],
    "half a surrogate": [
        RoleContribution(role="END_USER", confidence=0.5, evidence=(Evidence(reason="\ud800"),))
    ],
    "a novel": [
        RoleContribution(role="END_USER", confidence=0.5, evidence=(Evidence(reason="x" * 100_000),))
    ],
    "a time without a zone": [
        RoleContribution(
            role="END_USER",
            confidence=0.5,
            evidence=(Evidence(reason="x"),),
            since=datetime(2026, 1, 1),  # noqa: DTZ001
        )
    ],
    "the same twice": [claim("END_USER"), claim("END_USER", 0.6)],
    "too many": [claim("END_USER")] * 1000,
    "one good and one bad": [claim("END_USER"), claim("CHAMPION", -1)],
}


async def test_nonsense_is_refused_and_counted_and_its_neighbours_are_unaffected(make_plugins: Make) -> None:
    """Whatever a plugin returns instead of roles, none of it gets in."""
    plugins = make_plugins()
    for name, nonsense in NONSENSE_ROLES.items():
        plugins.register(plugin(resolve_roles=lambda membership, nonsense=nonsense: nonsense), name=name)
    plugins.register(plugin(resolve_roles=lambda: [claim("END_USER")]), name="neighbour")
    (answer,) = await plugins.resolve_roles([membership()])
    assert {name for name, one in answer.items() if isinstance(one, Answered)} == {"neighbour"}
    assert {one.kind for one in answer.values() if isinstance(one, Failed)} == {FailureKind.REFUSED}
    assert {hook.refused for health in plugins.health() for hook in health.hooks} == {0, 1}


async def test_nonsense_about_traits_and_content_is_refused(make_plugins: Make) -> None:
    """A trait about a stranger, a price below nothing, content that is no JSON, a candidate without a reason."""

    def trait(**changed: object) -> list[EnrichedTrait]:
        return [EnrichedTrait(**{"key": "k", "value": 1, "about": EMAIL, "confidence": 0.5, **changed})]

    plugins = make_plugins()
    for name, nonsense in {
        "stranger": trait(about=Identifier("email", "bob@example.com")),
        "no key": trait(key=" "),
        "gift": trait(cost=Decimal(-1)),
        "infinite": trait(cost=Decimal("inf")),
        "unkept": trait(value=object()),
        "naive": trait(expires_at=datetime(2026, 1, 1)),  # noqa: DTZ001
        "unsure": trait(confidence=0),
        "twice": trait() + trait(),
    }.items():
        plugins.register(plugin(enrich_person=lambda nonsense=nonsense: nonsense), name=name)
    (answer,) = await plugins.enrich_person([enrichment_request()], wanted=lambda name, index: True)
    assert set(failures(answer).values()) == {FailureKind.REFUSED}
    assert len(answer) == 8

    for name, nonsense in {
        "text": "hello",
        "no reason": Candidate(variant="v", content={}, lens=Lens.INTENT, reason=""),
        "no panel": Candidate(variant="v", content={}, lens="BOTH", reason="r"),  # type: ignore[arg-type]
        "no json": Candidate(variant="v", content={"a": {1: object()}}, lens=Lens.INTENT, reason="r"),
    }.items():
        plugins.register(plugin(choose_personalisation=lambda nonsense=nonsense: nonsense), name=f"c {name}")
    assert await plugins.choose_personalisation([personalisation_request()]) == [None]
    assert [h.hooks[0].refused for h in plugins.health() if h.name.startswith("c ")] == [1, 1, 1, 1]


async def test_a_workspace_can_turn_a_plugin_off(make_plugins: Make) -> None:
    """It is not called for that workspace."""
    plugins = make_plugins()
    plugins.register(plugin(resolve_roles=lambda: [claim("END_USER")]), name="one")
    plugins.register(plugin(resolve_roles=lambda: [claim("CHAMPION")]), name="two")
    assert await plugins.resolve_roles([membership()], disabled=("one",)) == [
        {"two": Answered((claim("CHAMPION"),))}
    ]


async def test_who_stops_waiting_leaves_a_plugin_as_it_was(
    make_plugins: Make, hang: Callable[[], None]
) -> None:
    """A reader that goes away in the middle of a call does not wedge the next one."""
    began = threading.Event()

    def resolve_roles(membership: object) -> list[RoleContribution]:
        if not began.is_set():
            began.set()
            hang()
        return [claim("END_USER")]

    plugins = make_plugins(threads=2)
    plugins.register(plugin(resolve_roles=resolve_roles), name="slow")
    asking = asyncio.create_task(plugins.resolve_roles([membership()]))
    assert await asyncio.to_thread(began.wait, 5)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await plugins.resolve_roles([membership()]) == [{"slow": Answered((claim("END_USER"),))}]


async def test_what_was_asked_about_goes_without_a_search_for_garbage(make_plugins: Make) -> None:
    """What events are made of is much; looking for it in circles is what ingest has no time for."""

    class Value:
        """What can be seen to go."""

    plugins = make_plugins()
    plugins.register(plugin(resolve_roles=lambda membership: []), name="quick")
    for _ in range(5):  # until it is known to be quick
        await plugins.resolve_roles([membership()])
    value = Value()
    gone = weakref.ref(value)
    gc.disable()
    try:
        asked = membership()
        asked.profile.traits["of"] = value
        del value
        await plugins.resolve_roles([asked])
        del asked
        for _ in range(100):  # a thread keeps its last batch until there is another
            if gone() is None:
                return
            await plugins.resolve_roles([membership()])
    finally:
        gc.enable()
    pytest.fail("It is held by a circle.")
