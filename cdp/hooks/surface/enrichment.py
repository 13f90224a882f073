"""What can be found out about people and accounts."""

from __future__ import annotations

from typing import Protocol

from cdp.hooks.markers import hookspec
from cdp.model import AccountEnrichmentRequest, EnrichedTrait, EnrichmentRequest, Provider, Unanswered


class EnrichmentHooks(Protocol):
    """Hooks of enrichment."""

    @hookspec
    def register_providers(self) -> list[Provider]:
        """Declare the sources that `enrich_person` and `enrich_account` ask: what they give, and what they take for it.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected. A name that another plugin has is
        an error that stops the start and names both. A plugin that declares nothing is one provider of its own name,
        free and without limits. If it fails, the plugin is not loaded.
        Since 0.2.
        """

    @hookspec
    def enrich_person(self, request: EnrichmentRequest) -> list[EnrichedTrait] | Unanswered:
        """Contribute traits that follow from a person's identifiers.

        Called when the person has an identifier that you have not seen, and when what you gave before expires; where
        you declare fields, only while one of them is missing or not sure enough, the workspace's budget has room, and
        no limit of yours is reached. Rule: waterfall, by priority and value; `request.traits` holds what was found
        before you, so that you need not look for it again. What two find is kept beside each other, each with its
        provider. `about` must be one of `request.identifiers`. What you no longer return is removed. Return
        `Unanswered` where your source could not answer. If it fails, your earlier traits stay, and you are asked again
        later.
        Since 0.1.
        """

    @hookspec
    def enrich_account(self, request: AccountEnrichmentRequest) -> list[EnrichedTrait] | Unanswered:
        """Contribute traits of an account: an organisation or a household.

        Called when a member was touched and you have not answered about the account yet, and when what you gave before
        expires; where you declare fields, as `enrich_person` is. Rule: waterfall, by priority and value. `about` is
        None. What you no longer return is removed. Return `Unanswered` where your source could not answer. If it
        fails, your earlier traits stay, and you are asked again later.
        Since 0.2.
        """
