"""Rules of selling to companies: shared inboxes are nobody's, free mail still has an employer, LinkedIn names a person.

- Addresses such as `info@` and `support@` never join two people by themselves; a workspace may name further ones.
- Somebody with an address at a free-mail provider, or with none, belongs to the company whose domain they give.
- The address of a LinkedIn profile is an identifier, `linkedin`.

The first two do nothing in a workspace until that turns the plugin on (`pluginEnable`).
"""

from __future__ import annotations

from cdp.hooks import hookimpl
from cdp.model import (
    AccountClaim,
    Batch,
    Event,
    IdentifierKind,
    IdentityRule,
    LinkCandidate,
    PluginInfo,
)
from diptych_b2b_rules import companies, inboxes, linkedin
from diptych_b2b_rules.settings import B2BSettings


@hookimpl
def register_plugin() -> PluginInfo:
    """What administrators read."""
    return PluginInfo(
        summary="Keeps shared inboxes from joining people, and finds the company of people with free mail.",
        opt_in=True,
        labels=frozenset({"b2b", "identity"}),
    )


@hookimpl
def register_settings() -> type[B2BSettings]:
    """What a workspace may set."""
    return B2BSettings


@hookimpl
def register_identifier_kinds() -> list[IdentifierKind]:
    """LinkedIn profiles."""
    return [IdentifierKind(name="linkedin", priority=25, limit=1, normalise=linkedin.profile)]


@hookimpl
def register_identity_rules() -> list[IdentityRule]:
    """Addresses that are shared wherever they are used."""
    return [inboxes.RULE]


@hookimpl
def veto_link(links: Batch[LinkCandidate], settings: B2BSettings) -> dict[int, str]:
    """Addresses that a workspace knows to be shared."""
    if not settings.shared_inboxes:
        return {}
    shared = inboxes.Shared(settings.shared_inboxes)
    return {index: inboxes.REASON for index, link in enumerate(links) if shared.speaks_of(link)}


@hookimpl
def resolve_account(events: Batch[Event], settings: B2BSettings) -> dict[int, AccountClaim]:
    """The company that somebody says they work for."""
    claims: dict[int, AccountClaim] = {}
    for index, event in enumerate(events):
        if (claim := companies.claim(event, settings.company_fields)) is not None:
            claims[index] = claim
    return claims
