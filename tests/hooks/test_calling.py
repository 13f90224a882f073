"""What the core does with a plugin's code: in which order it is asked, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from cdp.hooks import hookimpl
from cdp.hooks.health import CircuitState
from cdp.hooks.outcomes import Answered
from cdp.model import (
    Candidate,
    EnrichedTrait,
    IdentifierKind,
    Lens,
    RoleContribution,
    RoleKind,
)
from tests.hooks.parts import (
    AS_OF,
    EMAIL,
    Make,
    claim,
    enrichment_request,
    membership,
    personalisation_request,
    plugin,
)


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


async def test_a_workspace_can_turn_a_plugin_off(make_plugins: Make) -> None:
    """It is not called for that workspace."""
    plugins = make_plugins()
    plugins.register(plugin(resolve_roles=lambda: [claim("END_USER")]), name="one")
    plugins.register(plugin(resolve_roles=lambda: [claim("CHAMPION")]), name="two")
    assert await plugins.resolve_roles([membership()], disabled=("one",)) == [
        {"two": Answered((claim("CHAMPION"),))}
    ]
