"""Personalisation: what to show a person in a slot, chosen by plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import strawberry
from strawberry.scalars import ID, JSON

from cdp.graphql.context import Context
from cdp.model import AccountId, Lens, ProfileId
from cdp.model.ids import decode_id_of, encode_id
from cdp.personalisation import choose_for


@strawberry.type(description="What to show a person in a slot, and why.")
class Personalisation:
    """One choice."""

    slot: str = strawberry.field(description="The slot that was asked for.")
    variant: str = strawberry.field(description="Name of the variant, for the frontend.")
    content: JSON = strawberry.field(description="Content of the variant.")
    lens: Lens = strawberry.field(description="The panel that the choice was made from.")
    reason: str = strawberry.field(description="Why this variant for this person, in a sentence.")
    plugin: str = strawberry.field(description="The plugin that chose it.")
    account_id: ID | None = strawberry.field(
        description="The account within which it was chosen; null: for the person on their own."
    )


async def fill_slot(
    context: Context, parents: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]
) -> Sequence[Personalisation | None]:
    """Fill one slot for all people of an answer at once."""
    account = arguments.get("account")
    account_id = AccountId(decode_id_of("Account", str(account))) if account is not None else None
    workspace = await context.workspace()
    async with context.connection() as connection:
        choices = await choose_for(
            connection,
            workspace,
            context.services.plugins,
            [ProfileId(parent["profile_id"]) for parent in parents],
            slot=arguments["slot"],
            account_id=account_id,
            granted=context.scopes,
            as_of=context.as_of,
        )
    filled: list[Personalisation | None] = []
    for parent in parents:
        choice = choices.get(ProfileId(parent["profile_id"]))
        filled.append(
            None
            if choice is None
            else Personalisation(
                slot=arguments["slot"],
                variant=choice.candidate.variant,
                content=JSON(choice.candidate.content),
                lens=choice.candidate.lens,
                reason=choice.candidate.reason,
                plugin=choice.plugin,
                account_id=ID(encode_id("Account", choice.account_id)) if choice.account_id else None,
            )
        )
    return filled
