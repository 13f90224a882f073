"""What is no answer is refused and counted, and the neighbours are heard all the same."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from cdp.hooks.health import FailureKind
from cdp.hooks.outcomes import Answered, Failed
from cdp.model import (
    Candidate,
    EnrichedTrait,
    Evidence,
    Identifier,
    Lens,
    RoleContribution,
)
from tests.hooks.parts import (
    EMAIL,
    Make,
    claim,
    enrichment_request,
    failures,
    membership,
    personalisation_request,
    plugin,
)


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
