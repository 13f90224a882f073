"""Taking out of a request what the reader may not see, so that no answer can tell it."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import structs

from cdp.access.personal import without_closed
from cdp.access.scopes import Scope
from cdp.model import (
    AccountFacts,
    AccountKind,
    Candidate,
    IntentFacts,
    Lens,
    MembershipFacts,
    PersonalisationRequest,
    ProfileFacts,
    UsageFacts,
)
from cdp.model.classes import TraitClasses, TraitOf


def visible(
    request: PersonalisationRequest, granted: frozenset[str], classes: TraitClasses
) -> PersonalisationRequest:
    """The request as if the panels, the personal data and the traits that are not granted were empty.

    Role names stay. `classes` is what the workspace has declared of its traits.
    """
    membership = _without_closed(request.membership, granted, classes)
    if Scope.INTENT_READ not in granted:
        membership = _without_intent(membership)
    if Scope.USAGE_READ not in granted:
        membership = _without_usage(membership)
    if Scope.PII_READ not in granted:
        membership = structs.replace(
            membership, profile=_without_pii(membership.profile), account=_impersonal(membership.account)
        )
    return structs.replace(request, membership=membership)


def may_see(candidate: Candidate, granted: Collection[str]) -> bool:
    """Whether a reader may be shown a candidate, and know that there is one: made from a panel that is granted.

    A cap needs both panels. It counts what the person was shown by whoever asked with more rights, so that whether it
    is reached tells which other variants the person was in the audience of.
    """
    if candidate.cap is not None and not sees_both(granted):
        return False
    match candidate.lens:
        case Lens.INTENT:
            return Scope.INTENT_READ in granted
        case Lens.USAGE:
            return Scope.USAGE_READ in granted
        case Lens.NONE:
            return True


def sees_both(granted: Collection[str]) -> bool:
    """Whether both panels are granted."""
    return Scope.INTENT_READ in granted and Scope.USAGE_READ in granted


def _without_intent(membership: MembershipFacts) -> MembershipFacts:
    account = membership.account
    return structs.replace(
        membership,
        intent=IntentFacts(),
        profile=structs.replace(membership.profile, intent=IntentFacts()),
        account=structs.replace(account, purchase_count=0) if account is not None else None,
    )


def _without_usage(membership: MembershipFacts) -> MembershipFacts:
    nothing = UsageFacts(window_days=membership.usage.window_days)
    return structs.replace(
        membership, usage=nothing, profile=structs.replace(membership.profile, usage=nothing)
    )


def _without_closed(
    membership: MembershipFacts, granted: frozenset[str], classes: TraitClasses
) -> MembershipFacts:
    profile, account = membership.profile, membership.account
    traits = without_closed(profile.traits, granted, classes, TraitOf.PROFILE)
    if account is not None:
        theirs = without_closed(account.traits, granted, classes, TraitOf.ACCOUNT)
        account = structs.replace(account, traits=theirs)
    return structs.replace(membership, profile=structs.replace(profile, traits=traits), account=account)


def _without_pii(profile: ProfileFacts) -> ProfileFacts:
    return structs.replace(profile, display_name=None, identifiers=(), traits={})


def _impersonal(account: AccountFacts | None) -> AccountFacts | None:
    """The name and the traits of a household are people's."""
    if account is None or account.kind is not AccountKind.HOUSEHOLD:
        return account
    return structs.replace(account, name=None, traits={})
