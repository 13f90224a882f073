"""Issuers that a workspace trusts: whose tokens, made for whom, and what such a token may be granted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct, structs

from cdp.access.scopes import NO_SCOPES, Scopes
from cdp.errors import BadInput
from cdp.model import WorkspaceId
from cdp.model.ids import encode_id

ALGORITHMS: Mapping[str, str] = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "PS384": "RSA",
    "PS512": "RSA",
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
    "EdDSA": "Ed25519",
}
"""Signatures that can be checked with what everybody may know, and the sort of key that each takes.

What takes a shared secret (HS256) is missing on purpose: whoever can check such a token can make one.
"""
USUAL_ALGORITHMS = ("ES256", "EdDSA", "PS256", "RS256")
USUAL_LIFE = 24 * 3600
"""Seconds that a token may live from being issued, where the issuer's entry does not say."""

_LONGEST_LIFE = 400 * 24 * 3600
_LONGEST_URL = 500
_LONGEST_TEXT = 200
_MOST_RULES = 100
_MOST_CONDITIONS = 10


class Condition(Struct, frozen=True, order=True):
    """That a claim is, or holds, a value."""

    claim: str
    """Its name, or the path to it with dots: `realm_access.roles`."""
    value: str
    """A text that it is, that is one of the list that it is, or one of its words."""


class Rule(Struct, frozen=True, order=True):
    """Whose token meets the condition has the role."""

    condition: Condition
    role: str
    """A preset, or a role that the workspace defines; one that is neither grants nothing."""


class Issuer(Struct, frozen=True, kw_only=True):
    """One issuer's tokens for one audience, as a workspace trusts them."""

    workspace_id: WorkspaceId
    issuer_id: int = 0
    name: str
    """For people to read."""
    url: str
    """What the claim `iss` must be, to the letter."""
    audience: str
    """What the claim `aud` must be, or hold."""
    jwks_url: str | None = None
    """Where its keys are; None: its discovery document says so."""
    algorithms: tuple[str, ...] = USUAL_ALGORITHMS
    scopes: Scopes = NO_SCOPES
    """What its tokens may be granted at most, whatever they claim."""
    scope_claim: str | None = "scope"
    """Claim with scopes by name; None: scopes come from roles alone."""
    purpose_claim: str | None = "purpose"
    """Claim that says what data is wanted for; None: none does."""
    required: tuple[Condition, ...] = ()
    """What must hold of every token."""
    rules: tuple[Rule, ...] = ()
    default_role: str | None = None
    """Role of a token that no rule gives one; None: none."""
    longest_seconds: int = USUAL_LIFE
    """Longest life of a token, from being issued."""
    issued_since: datetime | None = None
    """Tokens issued before are refused; None: none for that reason."""
    enabled: bool = True
    changed_at: datetime | None = None
    custom_roles: Mapping[str, Scopes] = {}
    """Scopes of the workspace's own roles that it names."""

    def told(self) -> dict[str, Any]:
        """What the audit log holds of it: values of claims may be people's."""
        return {
            "url": self.url,
            "audience": self.audience,
            "jwks_url": self.jwks_url,
            "algorithms": list(self.algorithms),
            "scopes": sorted(self.scopes),
            "scope_claim": self.scope_claim,
            "required": [one.claim for one in self.required],
            "rules": [{"claim": one.condition.claim, "role": one.role} for one in self.rules],
            "default_role": self.default_role,
            "longest_seconds": self.longest_seconds,
            "issued_since": self.issued_since.isoformat() if self.issued_since is not None else None,
            "enabled": self.enabled,
        }


def own_audience(workspace_id: WorkspaceId) -> str:
    """The audience that no other workspace can have: by it a token says which workspace it is for."""
    return f"urn:diptych:workspace:{encode_id('Workspace', workspace_id)}"


def checked_issuer(issuer: Issuer) -> Issuer:
    """The issuer as it may be stored; scopes and roles are looked at where they are stored.

    Raises:
        BadInput: something about it cannot be used.
    """
    url = checked_url(issuer.url, "url")
    if urlsplit(url).query:
        raise BadInput("The URL of an issuer has no query.", field=("url",))
    algorithms = tuple(sorted(set(issuer.algorithms)))
    if not algorithms or not ALGORITHMS.keys() >= set(algorithms):
        raise BadInput(f"Algorithms are some of {', '.join(ALGORITHMS)}.", field=("algorithms",))
    if not issuer.scopes:
        raise BadInput("Say which scopes its tokens may be granted at most.", field=("scopes",))
    if not 60 <= issuer.longest_seconds <= _LONGEST_LIFE:
        raise BadInput("Tokens live between a minute and 400 days.", field=("longest_life",))
    return structs.replace(
        _with_checked_mapping(issuer),
        name=checked_text(issuer.name, "name"),
        url=url,
        audience=checked_text(issuer.audience, "audience", most=_LONGEST_URL),
        jwks_url=checked_url(issuer.jwks_url, "jwks_url") if issuer.jwks_url is not None else None,
        algorithms=algorithms,
    )


def _with_checked_mapping(issuer: Issuer) -> Issuer:
    if len(issuer.rules) > _MOST_RULES:
        raise BadInput(f"An issuer has at most {_MOST_RULES} rules.", field=("rules",))
    if len(issuer.required) > _MOST_CONDITIONS:
        raise BadInput(f"An issuer has at most {_MOST_CONDITIONS} conditions.", field=("required",))
    if issuer.default_role is None and not issuer.rules and issuer.scope_claim is None:
        raise BadInput("Nothing would be granted: give a rule, a default role, or a claim with scopes.")
    return structs.replace(
        issuer,
        scope_claim=_checked_or_none(issuer.scope_claim, "scope_claim"),
        purpose_claim=_checked_or_none(issuer.purpose_claim, "purpose_claim"),
        required=tuple(sorted({_checked_condition(one, "required") for one in issuer.required})),
        rules=tuple(
            Rule(_checked_condition(one.condition, "rules"), checked_text(one.role, "rules"))
            for one in issuer.rules
        ),
        default_role=_checked_or_none(issuer.default_role, "default_role"),
    )


def _checked_condition(condition: Condition, field: str) -> Condition:
    return Condition(checked_text(condition.claim, field), checked_text(condition.value, field))


def _checked_or_none(text: str | None, field: str) -> str | None:
    return checked_text(text, field) if text is not None else None


def checked_url(text: str, field: str) -> str:
    """A URL whose server proves who it is; without TLS only on this machine.

    Raises:
        BadInput: it is none.
    """
    text = text.strip()
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        secure = parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))
        fine = secure and bool(host) and parts.username is None and not parts.fragment and parts.port != 0
    except ValueError:
        fine = False
    if not fine or len(text) > _LONGEST_URL or not text.isascii() or not text.isprintable() or " " in text:
        raise BadInput(
            f"Give a URL that begins with https:// and has at most {_LONGEST_URL} characters.", field=(field,)
        )
    return text


def checked_text(text: str, field: str, *, most: int = _LONGEST_TEXT) -> str:
    """A text without spaces around it.

    Raises:
        BadInput: it is empty, too long, or holds control characters.
    """
    text = text.strip()
    if not text or len(text) > most or not text.isprintable():
        raise BadInput(f"Give 1 to {most} printable characters.", field=(field,))
    return text


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
