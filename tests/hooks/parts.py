"""Small plugins, and what they are asked about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace

from cdp.hooks import hookimpl
from cdp.hooks.health import FailureKind
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered, Failed, Outcome
from cdp.model import (
    EnrichmentRequest,
    Evidence,
    Identifier,
    IntentFacts,
    MembershipFacts,
    PersonalisationRequest,
    ProfileFacts,
    ProfileId,
    RoleContribution,
    UsageFacts,
)

Make = Callable[..., Plugins]

TINY = 0.4
"""A deadline in seconds for what hangs: long enough for its neighbours on a busy machine."""

AS_OF = datetime(2026, 11, 21, 12, tzinfo=UTC)
EMAIL = Identifier("email", "ada@example.com")


HOOKS = {
    "classify_event": ("events",),
    "choose_personalisation": ("request",),
    "enrich_account": ("request",),
    "enrich_person": ("request",),
    "guard_consent": ("questions",),
    "guard_event": ("events",),
    "on_membership_changed": ("change",),
    "on_profile_changed": ("change",),
    "on_role_changed": ("change",),
    "on_stage_changed": ("change",),
    "on_start": ("process",),
    "on_stop": ("process",),
    "propose_personalisation": ("request",),
    "register_catalogue": (),
    "register_commands": (),
    "register_fields": (),
    "register_identifier_kinds": (),
    "register_identity_rules": (),
    "register_jobs": (),
    "register_migrations": (),
    "register_mutations": (),
    "register_plugin": (),
    "register_providers": (),
    "register_queries": (),
    "register_roles": (),
    "register_routes": (),
    "register_schedules": (),
    "register_settings": (),
    "resolve_account": ("events",),
    "resolve_roles": ("membership",),
    "score_influence": ("membership",),
    "score_intent": ("membership",),
    "score_usage": ("membership",),
    "transform_event": ("events",),
    "veto_link": ("links",),
}


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


def plugin(**hooks: Callable[..., object]) -> SimpleNamespace:
    """A plugin of functions; lambdas keep their arguments' names."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def failures(answer: dict[str, Answered[object] | Failed]) -> dict[str, FailureKind | None]:
    return {name: one.kind if isinstance(one, Failed) else None for name, one in answer.items()}


MEGABYTE = 1024 * 1024


def claims(membership: MembershipFacts) -> list[RoleContribution]:
    """What a plugin says that does as it should."""
    return [RoleContribution(role="END_USER", confidence=0.5, evidence=(Evidence(reason="told so"),))]


def add(plugins: Plugins, name: str, resolve_roles: Callable[..., object]) -> None:
    plugins.register(SimpleNamespace(resolve_roles=hookimpl(resolve_roles)), name=name)
    assert name not in plugins.left_out()


async def warm(plugins: Plugins) -> None:
    """Call often enough for quick plugins to be known as such."""
    for _ in range(4):
        await plugins.resolve_roles([membership()])


def kinds(answer: dict[str, Outcome[object]]) -> dict[str, FailureKind | None]:
    return {name: one.kind if isinstance(one, Failed) else None for name, one in answer.items()}


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - threads that are being ended set no event
            await asyncio.sleep(0.02)
