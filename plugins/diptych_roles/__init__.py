"""Roles from evidence: what people did, and, weaker, what their title suggests. CRMs are diptych_crm's.

| role | grounds, with the confidence of each alone |
| --- | --- |
| ECONOMIC_BUYER | one purchase 0.9, several 0.95; quote, checkout, upgrade 0.25 to 0.6; title 0.25 to 0.7 |
| END_USER | used on one day 0.6, two or three 0.8, more 0.95; title 0.45 |
| INFLUENCER | invites, referrals 0.5, reviews, shares 0.4, more with each; by a user who has not bought |
| CHAMPION | three intent signals or more with strong usage, without a purchase 0.6 to 0.9; title 0.45 |
| CLIENT | a contract for services 0.95 |
| TRIAL_USER | usage in a trial, no purchase in the account 0.9; 0.4 from 45 days after it began |
| THIRD_PARTY_USER | usage in an account without being a member, as END_USER |
| ADVOCATE | a review or a referral 0.6, more with each |
| TECHNICAL_EVALUATOR, LEGAL_AND_COMPLIANCE, EXECUTIVE_SPONSOR | title 0.3 to 0.75 |

Several grounds are combined as if independent: 1 − Π(1 − confidence). The confidences are judgements, documented to
be argued with; docs/roles.md has the score on data with known roles.
"""

from __future__ import annotations

from cdp.hooks import hookimpl
from cdp.model import MembershipFacts, RoleContribution, RoleKind
from diptych_roles import behaviour, titles
from diptych_roles.grounds import combine
from diptych_roles.roles import REGISTERED


@hookimpl
def register_roles() -> list[RoleKind]:
    """The rest of a buying committee."""
    return REGISTERED


@hookimpl
def resolve_roles(membership: MembershipFacts) -> list[RoleContribution]:
    """All roles that the evidence gives, weak ones too."""
    return combine(
        [
            *behaviour.grounds(membership),
            # A title is about an employer: at home, or alone, it says nothing.
            *(titles.grounds(membership.profile.traits) if _at_work(membership) else ()),
        ]
    )


def _at_work(membership: MembershipFacts) -> bool:
    return membership.account is not None and membership.own and membership.account.kind == "ORGANISATION"
