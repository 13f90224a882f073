"""Filling slots for people: what they consent to, what they are eligible for, and what of that they are shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from cdp.errors import DiptychError
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered
from cdp.model import NO_ACCOUNT, AccountId, ProfileId, Workspace
from cdp.personalisation.caps import Connect, within_caps
from cdp.personalisation.consent import consents
from cdp.personalisation.decide import (
    Considered,
    Decision,
    Outcome,
    decide,
    eligible_first,
    no_consent,
    without_doubles,
)
from cdp.personalisation.gather import Key, Reader, Task, gather
from cdp.personalisation.panels import may_see
from cdp.personalisation.slots import Slot
from cdp.personalisation.store import Slots

MOST_CANDIDATES = 25_000
"""People times variants of one call: a page of 200 people in a slot with 100 variants is 20,000."""


class TooManyChoices(DiptychError):
    """More people, or more slots, at once than the message says."""

    code = "COMPLEXITY"


class Filled(Struct, frozen=True, kw_only=True):
    """What was decided, and within which membership."""

    decision: Decision
    account_id: AccountId
    """0: with themselves."""


async def fill(
    connect: Connect,
    workspace: Workspace,
    plugins: Plugins,
    slots: Slots,
    profile_ids: Sequence[ProfileId],
    *,
    names: Sequence[str],
    account_id: AccountId | None,
    reader: Reader,
) -> dict[Key, Filled]:
    """Fill slots for people, within one account or, where that is None, where they were last active.

    Missing are people without a membership in the account, and slots that the workspace has not defined and for which
    no plugin has anything. No connection is held while plugins are asked.

    Raises:
        TooManyChoices: there are more than MOST_CANDIDATES of them.
    """
    async with connect() as connection:
        defined = await slots.get(connection, workspace)
        wanted = [defined.get(name) or Slot.undefined(name) for name in dict.fromkeys(names)]
        candidates = len(profile_ids) * sum(1 + len(slot.variants) for slot in wanted)
        if candidates > MOST_CANDIDATES:
            raise TooManyChoices(
                f"These are {candidates:,} candidates, and one field may have {MOST_CANDIDATES:,}: "
                "ask for fewer people or fewer slots at once."
            )
        consent = await consents(connection, workspace, plugins, profile_ids, reader.as_of)
        allowed = [one for one in profile_ids if consent[one].allowed]
        tasks = await gather(
            connection, workspace, plugins, allowed, wanted, account_id=account_id, reader=reader
        )
    considered = await _with_proposals(plugins, workspace, tasks, reader)
    considered = await within_caps(connect, workspace, tasks, considered, reader)
    chosen = await _chosen(plugins, workspace, tasks, considered, reader)
    considered = await _with_choices(connect, workspace, tasks, considered, chosen, reader=reader)
    filled: dict[Key, Filled] = {}
    for task, listed, choice in zip(tasks, considered, chosen, strict=True):
        await asyncio.sleep(0)  # others have their turn
        name = _eligible(choice, listed)
        said = consent[task.profile_id].reason
        decision = decide(task.slot, task.profile_id, listed, chosen=name, consent=said)
        if task.slot.defined or decision.outcome is not Outcome.FALLBACK:
            filled[task.key] = Filled(decision=decision, account_id=task.account_id)
    for profile_id in profile_ids:
        answer = consent[profile_id]
        for slot in wanted:
            if slot.defined and not answer.allowed:
                refused = no_consent(slot, answer.reason)
                filled[profile_id, slot.name] = Filled(decision=refused, account_id=NO_ACCOUNT)
    return filled


async def _with_proposals(
    plugins: Plugins, workspace: Workspace, tasks: Sequence[Task], reader: Reader
) -> list[tuple[Considered, ...]]:
    """For each task the workspace's variants, then what plugins propose and the reader may see."""
    asked = [task for task in tasks if task.request is not None]
    said = (
        await plugins.propose_personalisation(
            [task.request for task in asked if task.request is not None], workspace=workspace
        )
        if asked
        else []
    )
    proposed = {
        task.key: [
            Considered(candidate=candidate, plugin=plugin, reason=candidate.reason)
            for plugin, answer in answers.items()
            if isinstance(answer, Answered)
            for candidate in answer.value
            if may_see(candidate, reader.granted)
        ]
        for task, answers in zip(asked, said, strict=True)
    }
    return [without_doubles([*task.own, *proposed.get(task.key, ())]) for task in tasks]


async def _chosen(
    plugins: Plugins,
    workspace: Workspace,
    tasks: Sequence[Task],
    considered: Sequence[tuple[Considered, ...]],
    reader: Reader,
) -> list[Considered | None]:
    """For each task what a plugin chose; None: none did, or the reader may not see it."""
    asked = [
        (index, replace(task.request, candidates=eligible_first(considered[index])))
        for index, task in enumerate(tasks)
        if task.request is not None
    ]
    chosen: list[Considered | None] = [None] * len(tasks)
    if asked:
        answers = await plugins.choose_personalisation([request for _, request in asked], workspace=workspace)
        for (index, _), answer in zip(asked, answers, strict=True):
            if answer is not None and may_see(answer[1], reader.granted):
                plugin, candidate = answer
                chosen[index] = Considered(candidate=candidate, plugin=plugin, reason=candidate.reason)
    return chosen


async def _with_choices(
    connect: Connect,
    workspace: Workspace,
    tasks: Sequence[Task],
    considered: Sequence[tuple[Considered, ...]],
    chosen: Sequence[Considered | None],
    *,
    reader: Reader,
) -> list[tuple[Considered, ...]]:
    """For each task its candidates, with the one that a plugin brought along, which has a cap like any other."""
    brought: list[tuple[Considered, ...]] = [
        (choice,)
        if choice is not None and all(one.candidate.variant != choice.candidate.variant for one in listed)
        else ()
        for listed, choice in zip(considered, chosen, strict=True)
    ]
    brought = await within_caps(connect, workspace, tasks, brought, reader)
    return [(*listed, *own) for listed, own in zip(considered, brought, strict=True)]


def _eligible(choice: Considered | None, considered: Sequence[Considered]) -> str | None:
    """The name of what a plugin chose, if the person is eligible for it."""
    if choice is None:
        return None
    name = choice.candidate.variant
    return name if any(one.eligible and one.candidate.variant == name for one in considered) else None
