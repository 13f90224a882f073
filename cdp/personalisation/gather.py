"""What is read before anybody is asked: facts about people, and which variants they are in the audience of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from msgspec import Struct

from cdp.access.scopes import Scopes
from cdp.db.pool import Connection
from cdp.hooks.frozen import frozen
from cdp.hooks.manager import Plugins
from cdp.lenses.read import membership_facts
from cdp.model import NO_ACCOUNT, AccountId, PersonalisationRequest, ProfileId, Workspace
from cdp.personalisation.decide import Considered, of_variant
from cdp.personalisation.panels import may_see, visible
from cdp.personalisation.places import places
from cdp.personalisation.slots import Slot, Variant
from cdp.roles.current import current_roles, role_names

Key: TypeAlias = tuple[ProfileId, str]
"""A person and the name of a slot."""


class Hidden(Struct, frozen=True):
    """An audience over what the reader may not see."""


HIDDEN = Hidden()

Inside: TypeAlias = frozenset[ProfileId] | Hidden | None
"""Who is in an audience; None: it cannot be read."""


class Audiences(Protocol):
    """Tells who is in the audiences of variants; filters are read by those who plan queries."""

    async def __call__(
        self, connection: Connection, variants: Sequence[Variant], profile_ids: Sequence[ProfileId]
    ) -> Sequence[Inside]:
        """For each variant, all of which have an audience, which of these people are in it."""


class Reader(Struct, frozen=True, kw_only=True):
    """On whose behalf slots are filled."""

    granted: Scopes
    audiences: Audiences
    as_of: datetime


class Task(Struct, frozen=True, kw_only=True):
    """One slot of one person, with all that was read for it."""

    profile_id: ProfileId
    account_id: AccountId
    slot: Slot
    own: tuple[Considered, ...]
    """The workspace's variants that the reader may know of."""
    request: PersonalisationRequest | None
    """What plugins are told, without what the reader may not see; None where nobody is asked."""

    @property
    def key(self) -> Key:
        """What it fills."""
        return self.profile_id, self.slot.name


async def gather(
    connection: Connection,
    workspace: Workspace,
    plugins: Plugins,
    profile_ids: Sequence[ProfileId],
    slots: Sequence[Slot],
    *,
    account_id: AccountId | None,
    reader: Reader,
) -> list[Task]:
    """What there is to decide for these people, within one account or, where that is None, where they were last active.

    People without a membership in that account are missing.
    """
    facts = await membership_facts(connection, workspace, profile_ids, reader.as_of)
    found = places(facts, account_id, reader.granted, reader.as_of)
    asks = plugins.calls.asked("propose_personalisation", workspace) or plugins.calls.asked(
        "choose_personalisation", workspace
    )
    roles = {}
    if asks:
        roles = await current_roles(
            connection, workspace.workspace_id, list(found.values()), as_of=reader.as_of
        )
    people = list(found) if account_id is not None else list(profile_ids)
    own = await _own(connection, slots, people, reader)
    tasks = []
    for profile_id in people:
        place = found.get(profile_id)
        for slot in slots:
            request = None
            if asks and place is not None:
                # Frozen here, once: plugins are asked twice about it.
                request = frozen(
                    visible(
                        PersonalisationRequest(
                            slot=slot.name,
                            membership=facts[place],
                            roles=role_names(roles.get(place, ())),
                            features=workspace.features,
                        ),
                        reader.granted,
                        workspace.trait_classes,
                    )
                )
            tasks.append(
                Task(
                    profile_id=profile_id,
                    account_id=place[1] if place is not None else NO_ACCOUNT,
                    slot=slot,
                    own=own[profile_id, slot.name],
                    request=request,
                )
            )
    return tasks


async def _own(
    connection: Connection, slots: Sequence[Slot], people: Sequence[ProfileId], reader: Reader
) -> dict[Key, tuple[Considered, ...]]:
    """The workspace's variants that the reader may know of, for each person and slot."""
    filtered = [
        (slot.name, variant) for slot in slots for variant in slot.variants if variant.audience is not None
    ]
    inside: dict[tuple[str, str], Inside] = {}
    if filtered and people:
        judged = await reader.audiences(connection, [variant for _, variant in filtered], people)
        inside = {
            (slot, variant.name): those for (slot, variant), those in zip(filtered, judged, strict=True)
        }
    own: dict[Key, tuple[Considered, ...]] = {}
    for slot in slots:
        known = [
            variant
            for variant in slot.variants
            if not isinstance(inside.get((slot.name, variant.name)), Hidden)
        ]
        for person in people:
            await asyncio.sleep(0)  # others have their turn
            each = (
                of_variant(
                    variant,
                    reader.as_of,
                    inside=_is_in(variant, inside.get((slot.name, variant.name)), person),
                )
                for variant in known
            )
            own[person, slot.name] = tuple(one for one in each if may_see(one.candidate, reader.granted))
    return own


def _is_in(variant: Variant, those: Inside, person: ProfileId) -> bool | None:
    if variant.audience is None:
        return True
    assert not isinstance(those, Hidden)
    return None if those is None else person in those
