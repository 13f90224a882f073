"""What a person is within a membership: inferred by plugins, asserted by people, never overwritten.

Plugins claim with evidence (`decide`, `apply`); competing claims are combined by rules (`combine`) and explained
(`explain`); what a change of resolvers would do can be tried (`simulate`); who is to be resolved anew without an event
is found by `Resolution`. Scores are points that plugins add beside what the core knows exactly (`scores`).
"""

from cdp.roles.accounts import note_accounts
from cdp.roles.apply import Changes, apply, note_due
from cdp.roles.assertion import Assertion, assert_role, retract_role
from cdp.roles.current import CurrentRole, current_roles, role_names
from cdp.roles.scores import apply_scores
from cdp.roles.scores import ask as ask_scores

__all__ = [
    "Assertion",
    "Changes",
    "CurrentRole",
    "apply",
    "apply_scores",
    "ask_scores",
    "assert_role",
    "current_roles",
    "note_accounts",
    "note_due",
    "retract_role",
    "role_names",
]
