"""From what callers give to the objects of their workspace: ids, identifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from cdp.accounts.store import current_account
from cdp.db.pool import Connection
from cdp.errors import BadInput, NotFound, TooLarge
from cdp.identity.kinds import Kinds, normalise, why_not
from cdp.identity.profiles import current_profile
from cdp.ingest.decode import has_nul, too_deep
from cdp.ingest.limits import DEPTH, EVENT_BYTES, TRAIT_KEY_LENGTH
from cdp.model import NO_ACCOUNT, AccountId, Identifier, ProfileId, Workspace, WorkspaceId
from cdp.model.ids import decode_id_of


class GivenIdentifier(Protocol):
    """An IdentifierInput."""

    kind: str
    value: str


async def person_of(connection: Connection, workspace_id: WorkspaceId, given: str, *field: str) -> ProfileId:
    """The profile of an id, or the one that it was merged into.

    Raises:
        NotFound: not the id of a profile, or of none in this workspace.
    """
    found = await current_profile(connection, workspace_id, ProfileId(number_of("Profile", given, *field)))
    if found is None:
        raise NotFound("There is no such profile in this workspace.", field=field)
    return found


async def account_of(
    connection: Connection, workspace_id: WorkspaceId, given: str | None, *field: str
) -> AccountId:
    """The account of an id, or the one that it was merged into; «in no account» for null.

    Raises:
        NotFound: not the id of an account, or of none in this workspace.
    """
    if given is None:
        return NO_ACCOUNT
    wanted = AccountId(number_of("Account", given, *field))
    found = await current_account(connection, workspace_id, wanted)
    if found is None:
        raise NotFound("There is no such account in this workspace.", field=field)
    return found


def identifiers_of(
    kinds: Kinds, workspace: Workspace, given: Sequence[GivenIdentifier], *field: str
) -> list[Identifier]:
    """Identifiers, written as their kinds write them.

    Raises:
        BadInput: one cannot be an identifier; the message says why.
    """
    return [
        identifier_of(kinds, workspace, one.kind, one.value, *field, str(index))
        for index, one in enumerate(given)
    ]


def identifier_of(kinds: Kinds, workspace: Workspace, kind: str, value: object, *field: str) -> Identifier:
    """One identifier, written as its kind writes it.

    Raises:
        BadInput: it cannot be one; the message says why.
    """
    country = workspace.settings.default_country
    found = normalise(kinds, kind, value, country)
    if found is None:
        raise BadInput(why_not(kinds, kind, value, country) or "This is no identifier.", field=field)
    return found


def traits_of(given: object, *field: str) -> dict[str, Any]:
    """Traits fit to be stored; none for null.

    Raises:
        BadInput: they are no object, or hold what cannot be stored.
    """
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadInput('Traits are an object, such as {"plan": "pro"}.', field=field)
    try:
        text = msgspec.json.encode(given)
    except (UnicodeEncodeError, RecursionError) as error:
        raise BadInput(f"The traits cannot be written as JSON in UTF-8: {error}.", field=field) from None
    if len(text) > EVENT_BYTES:
        raise TooLarge(f"The traits are {len(text):,} bytes, more than {EVENT_BYTES:,}.", field=field)
    if has_nul(text) or too_deep(text):
        raise BadInput(
            f"The traits hold the character U+0000, or are nested deeper than {DEPTH} levels.", field=field
        )
    for key in given:
        if not 0 < len(key) <= TRAIT_KEY_LENGTH:
            raise BadInput(f"The name of a trait has 1 to {TRAIT_KEY_LENGTH} characters.", field=field)
    return given


def number_of(type_name: str, given: str, *field: str) -> int:
    """The number in the id of an object of this type.

    Raises:
        NotFound: it is not such an id.
    """
    try:
        return decode_id_of(type_name, given)
    except BadInput as error:
        raise NotFound(error.message, field=field) from None
