"""Checking what plugins return on the way of an event; done in the plugin's own thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from cdp.accounts.domains import organisation
from cdp.hooks.outcomes import Refused
from cdp.identity.kinds import Kinds, normalise, strongest_first
from cdp.ingest import naming
from cdp.ingest.decode import has_nul, too_deep
from cdp.ingest.limits import NAME_LENGTH, TRAIT_KEY_LENGTH
from cdp.model import (
    AccountClaim,
    AccountRef,
    Batch,
    Classification,
    Event,
    Redacted,
    Withheld,
    Workspace,
)

T = TypeVar("T")

LARGEST = 64 * 1024
"""Bytes of an event's properties, or of its context, as JSON text, after plugins have changed them."""
_LONGEST_REASON = 500

_FIXED = ("message_id", "type", "occurred_at", "received_at", "source", "vetoes", "proven", "unproven")
"""What plugins cannot change of an event."""


class Checks:
    """The checks for one workspace."""

    def __init__(self, kinds: Kinds, workspace: Workspace) -> None:
        self._kinds = kinds
        self._country = workspace.settings.default_country
        self._free_mail = workspace.settings.free_mail_domains

    def reasons(self, batch: Batch[Any], answer: object) -> dict[int, str]:
        """Of `guard_consent` and `veto_link`."""
        return {index: reason(said) for index, said in _by_index(batch, answer).items()}

    def events(self, batch: Batch[Event], answer: object) -> dict[int, Event]:
        """Of `transform_event`."""
        return {index: self._event(batch[index], said) for index, said in _by_index(batch, answer).items()}

    def verdicts(self, batch: Batch[Event], answer: object) -> dict[int, Redacted | Withheld]:
        """Of `guard_event`."""
        return {index: self._verdict(batch[index], said) for index, said in _by_index(batch, answer).items()}

    def classifications(self, batch: Batch[Event], answer: object) -> dict[int, Classification]:
        """Of `classify_event`."""
        return {index: _classification(said) for index, said in _by_index(batch, answer).items()}

    def claims(self, batch: Batch[Event], answer: object) -> dict[int, AccountClaim]:
        """Of `resolve_account`."""
        return {index: self._claim(said) for index, said in _by_index(batch, answer).items()}

    def _verdict(self, before: Event, said: object) -> Redacted | Withheld:
        match said:
            case Withheld():
                return Withheld(reason=reason(said.reason))
            case Redacted():
                found = {str(what)[:NAME_LENGTH]: int(times) for what, times in said.found.items()}
                return Redacted(event=self._event(before, said.event), found=found)
            case _:
                raise Refused(f"it returned {type(said).__name__} instead of Redacted or Withheld")

    def _event(self, before: Event, said: object) -> Event:
        event = _of(Event, said)
        for name in _FIXED:
            if getattr(event, name) != getattr(before, name):
                raise Refused(f"it changed the event's {name}, which stays as it is")
        name = str(event.name).strip()
        if not 0 < len(name) <= NAME_LENGTH or "\0" in name:
            raise Refused(f"an event's name has 1 to {NAME_LENGTH} characters")
        identifiers = strongest_first(self._kinds, event.identifiers)
        if not identifiers:
            raise Refused("it left an event without any identifier")
        for one in identifiers:
            if one not in before.identifiers and one != normalise(
                self._kinds, one.kind, one.value, self._country
            ):
                raise Refused(f"an identifier of the kind {one.kind[:80]!r} is not in its one form")
        properties, context = _object(event.properties, "properties"), _object(event.context, "context")
        if any(len(key) > TRAIT_KEY_LENGTH for key in properties):
            raise Refused(f"the name of a property is longer than {TRAIT_KEY_LENGTH} characters")
        return structs.replace(
            before,
            name=name,
            identifiers=identifiers,
            account=before.account if event.account == before.account else self._account(event.account),
            properties=properties,
            context=context,
        )

    def _account(self, account: object) -> AccountRef | None:
        if account is None:
            return None
        ref = _of(AccountRef, account)
        group_id = naming.group_id(ref.group_id)
        if group_id is None or ref.domain is not None:
            raise Refused(f"{ref.group_id[:80]!r} cannot be the id of a group")
        return AccountRef(group_id=group_id, member=bool(ref.member))

    def _claim(self, said: object) -> AccountClaim:
        claim = _of(AccountClaim, said)
        if (claim.group_id is None) == (claim.domain is None):
            raise Refused("a claim names an account by its group id or by its domain")
        if not 0 < claim.confidence <= 1:
            raise Refused(f"the confidence of a claim is {claim.confidence}, not above 0 and at most 1")
        group_id = domain = None
        if claim.group_id is not None:
            group_id = naming.group_id(claim.group_id)
        else:
            domain = organisation(str(claim.domain), self._free_mail)
        if group_id is None and domain is None:
            raise Refused("a claim names something that can be no account")
        return AccountClaim(
            group_id=group_id,
            domain=domain,
            member=bool(claim.member),
            confidence=float(claim.confidence),
            reason=reason(claim.reason),
        )


def reason(said: object) -> str:
    """A sentence that is fit to be kept.

    Raises:
        Refused: it is none.
    """
    if not isinstance(said, str) or not said.strip() or "\0" in said:
        raise Refused("it gives no reason")
    return said.strip()[:_LONGEST_REASON].encode("utf-8", "replace").decode()


def _by_index(batch: Batch[Any], answer: object) -> Mapping[int, object]:
    if not isinstance(answer, Mapping):
        raise Refused(f"it returned {type(answer).__name__} instead of a dict by index")
    if len(answer) > len(batch):
        raise Refused(f"it returned {len(answer)} values about {len(batch)}")
    for index in answer:
        if type(index) is not int or not 0 <= index < len(batch):
            raise Refused(f"{str(index)[:80]!r} is no index of what it was given")
    return answer


def _classification(said: object) -> Classification:
    one = _of(Classification, said)
    name = str(one.counts_as).strip()
    if not 0 < len(name) <= NAME_LENGTH or "\0" in name:
        raise Refused(f"an event's name has 1 to {NAME_LENGTH} characters")
    return Classification(counts_as=name, reason=reason(one.reason))


S = TypeVar("S", bound=Struct)


def _of(kind: type[S], said: object) -> S:
    if not isinstance(said, kind):
        raise Refused(f"it returned {type(said).__name__} instead of {kind.__name__}")
    return said


def _object(value: object, what: str) -> dict[str, Any]:
    """A copy through JSON: of JSON's types all the way down, and out of the plugin's reach."""
    try:
        text = msgspec.json.encode(value)
        copy = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Refused(f"an event's {what} cannot be kept: {error}") from None
    if len(text) > LARGEST:
        raise Refused(f"an event's {what} have {len(text):,} bytes, more than {LARGEST:,}")
    if has_nul(text) or too_deep(text):
        raise Refused(f"an event's {what} hold the character U+0000, or are nested too deeply")
    return copy
