"""All mutations, put together."""

from __future__ import annotations

import strawberry

from cdp.graphql.mutations.access_roles import AccessRoleMutations
from cdp.graphql.mutations.accounts import AccountMutations
from cdp.graphql.mutations.background import BackgroundMutations
from cdp.graphql.mutations.catalogue import CatalogueMutations
from cdp.graphql.mutations.enrichment import EnrichmentMutations
from cdp.graphql.mutations.events import EventMutations
from cdp.graphql.mutations.features import FeatureMutations
from cdp.graphql.mutations.impressions import ImpressionMutations
from cdp.graphql.mutations.issuers import IssuerMutations
from cdp.graphql.mutations.keys import KeyMutations
from cdp.graphql.mutations.memberships import MembershipMutations
from cdp.graphql.mutations.personalisation import PersonalisationMutations
from cdp.graphql.mutations.plugins import PluginMutations
from cdp.graphql.mutations.profiles import ProfileMutations
from cdp.graphql.mutations.roles import RoleMutations
from cdp.graphql.mutations.trait_classes import TraitClassMutations
from cdp.graphql.mutations.visitor_secrets import VisitorSecretMutations
from cdp.graphql.mutations.workspaces import WorkspaceMutations


@strawberry.type(
    description="What can be changed. Each takes one input, and answers with what it changed, or with why it did not."
)
class Mutation(
    AccessRoleMutations,
    AccountMutations,
    BackgroundMutations,
    CatalogueMutations,
    EnrichmentMutations,
    EventMutations,
    FeatureMutations,
    ImpressionMutations,
    IssuerMutations,
    KeyMutations,
    MembershipMutations,
    PersonalisationMutations,
    PluginMutations,
    ProfileMutations,
    RoleMutations,
    TraitClassMutations,
    VisitorSecretMutations,
    WorkspaceMutations,
):
    """All mutations."""
