"""What a token says, once its signature is good: whether it is of now, whose it is, and what it is granted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from cdp.access.principals import Principal, PrincipalKind
from cdp.access.scopes import GRANTABLE, NO_SCOPES, KeyRole, Scopes, preset_scopes
from cdp.access.tokens.issuer import Condition, Issuer
from cdp.errors import Unauthenticated
from cdp.model import Purpose

LEEWAY = 60.0
"""Seconds by which an issuer's clock may differ from ours."""
NO_ROLE = "TOKEN"
"""Stands for the role of who has scopes by name, and no role."""

_LATEST = 253_402_300_799
"""The end of the year 9999: whatever is later is no time."""
_LONGEST_SUBJECT = 255
"""OpenID Connect Core 1.0, section 2."""

Claims = Mapping[str, Any]


class Granted(Struct, frozen=True, kw_only=True):
    """What a token is granted, and why."""

    roles: tuple[str, ...]
    scopes: Scopes
    by_name: Scopes
    """Those of them that the token claims by name."""


def expiry(claims: Claims, issuer: Issuer, now: float) -> float:
    """Until when the token is good, in seconds since 1970.

    Raises:
        Unauthenticated: it is not of now, does not say so, or lives longer than the workspace allows.
    """
    ends, issued, begins = (_time(claims, name) for name in ("exp", "iat", "nbf"))
    if ends is None:
        raise Unauthenticated("This token never expires: the claim `exp` is missing.")
    if now >= ends + LEEWAY:
        raise Unauthenticated("This token has expired.")
    if max(issued or 0.0, begins or 0.0) > now + LEEWAY:
        raise Unauthenticated("This token is not valid yet; compare the clocks.")
    if ends - (now if issued is None else issued) > issuer.longest_seconds:
        raise Unauthenticated("This token lives longer than this workspace allows.")
    since = issuer.issued_since
    if since is not None and (issued is None or issued < since.timestamp()):
        raise Unauthenticated("Tokens that were issued so long ago are not accepted any more.")
    return ends + LEEWAY


def principal_of(claims: Claims, issuer: Issuer) -> Principal:
    """Who asks with this token.

    Raises:
        Unauthenticated: it says of nobody that it is theirs, lacks what the workspace requires, or grants nothing.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise Unauthenticated("This token does not say whose it is: the claim `sub` is missing, or no name.")
    for condition in issuer.required:
        if not holds(condition, claims):
            raise Unauthenticated(f"The claim {condition.claim} of this token is not what it has to be.")
    granted = grant(claims, issuer)
    if not granted.scopes:
        raise Unauthenticated("This token is good, but nothing that it claims is granted anything here.")
    return Principal(
        workspace_id=issuer.workspace_id,
        kind=PrincipalKind.TOKEN,
        subject=f"token:{issuer.issuer_id}:{subject}",
        name=f"{issuer.name}: {subject}",
        role="+".join(granted.roles) or NO_ROLE,
        scopes=granted.scopes,
        purpose=_purpose(claims, issuer),
    )


def grant(claims: Claims, issuer: Issuer) -> Granted:
    """The roles that the rules give to these claims, and the scopes: those of the roles, and those claimed by name.

    Both only as far as the issuer's entry goes.
    """
    roles = list(dict.fromkeys(rule.role for rule in issuer.rules if holds(rule.condition, claims)))
    if not roles and issuer.default_role is not None:
        roles = [issuer.default_role]
    by_role = NO_SCOPES.union(*(_scopes_of(role, issuer) for role in roles))
    by_name = _named(claims, issuer)
    return Granted(
        roles=tuple(role for role in roles if _scopes_of(role, issuer)),
        scopes=issuer.scopes & (by_role | by_name),
        by_name=issuer.scopes & by_name,
    )


def explain(claims: Claims, issuer: Issuer) -> list[str]:
    """Why a token is granted what it is, and what of it its issuer's entry keeps back: a sentence each."""
    rules = [rule for rule in issuer.rules if holds(rule.condition, claims)]
    said = [
        f"{rule.role}, since {rule.condition.claim} is {rule.condition.value}: "
        f"{_listed(_scopes_of(rule.role, issuer))}"
        for rule in rules
    ]
    if not rules and issuer.default_role is not None:
        said.append(
            f"{issuer.default_role}, since no rule holds: {_listed(_scopes_of(issuer.default_role, issuer))}"
        )
    if by_name := _named(claims, issuer) & (GRANTABLE | issuer.scopes):
        said.append(f"by name in {issuer.scope_claim}: {_listed(by_name)}")
    wanted = by_name.union(*(_scopes_of(role, issuer) for role in grant(claims, issuer).roles))
    if kept_back := wanted - issuer.scopes:
        said.append(f"kept back, since the issuer's entry does not name it: {_listed(kept_back)}")
    return said


def holds(condition: Condition, claims: Claims) -> bool:
    """Whether the claim is the value, or is a list with it.

    An address that the issuer has not verified is what anybody may have typed: it meets no condition.
    """
    if condition.claim == "email" and claims.get("email_verified") not in (True, "true"):
        return False
    return condition.value in _texts(look_up(claims, condition.claim))


def look_up(claims: Claims, path: str) -> Any:
    """The claim of that name, or else at the end of that path with dots; None: there is none."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def _named(claims: Claims, issuer: Issuer) -> Scopes:
    """What the token claims by name, be it a scope or not."""
    if issuer.scope_claim is None:
        return NO_SCOPES
    found = look_up(claims, issuer.scope_claim)
    return frozenset(found.split() if isinstance(found, str) else _texts(found))


def _listed(scopes: Scopes) -> str:
    return " ".join(sorted(scopes)) or "nothing"


def _texts(value: Any) -> tuple[str, ...]:
    match value:
        case bool():
            return ("true" if value else "false",)
        case str() | int():
            return (str(value),)
        case list():
            return tuple(one for one in value if isinstance(one, str))
        case _:
            return ()


def _scopes_of(role: str, issuer: Issuer) -> Scopes:
    if role == KeyRole.ADMIN:
        return issuer.scopes  # all that there are, those of plugins too
    preset = preset_scopes(role)
    return issuer.custom_roles.get(role, NO_SCOPES) if preset is None else preset


def _purpose(claims: Claims, issuer: Issuer) -> str | None:
    found = look_up(claims, issuer.purpose_claim) if issuer.purpose_claim is not None else None
    return (
        Purpose[found.upper()].value
        if isinstance(found, str) and found.upper() in Purpose.__members__
        else None
    )


def _time(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LATEST:
        raise Unauthenticated(f"The claim `{name}` of this token is no time.")
    return float(value)
