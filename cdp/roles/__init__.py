"""What a person is within a membership: inferred by plugins, asserted by people, never overwritten."""

from cdp.roles.apply import Changes, apply
from cdp.roles.assertion import Assertion, assert_role
from cdp.roles.current import CurrentRole, current_roles, role_names

__all__ = ["Assertion", "Changes", "CurrentRole", "apply", "assert_role", "current_roles", "role_names"]
