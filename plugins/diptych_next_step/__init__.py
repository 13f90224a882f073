"""What to do next with a person or an account, and how it went.

In GraphQL `nextBestStep` of people and memberships, `health` and `owner` of accounts, the query `nextSteps` and the
mutation `nextStepRecord`; a webhook for the CRM's news; `cdp diptych_next_step list`. Every function here is given
values and returns values: what it requires is read by the planner, what it contributes is taken in by the core.
"""

from __future__ import annotations

from diptych_next_step.about import register_plugin, register_settings
from diptych_next_step.crm import register_routes
from diptych_next_step.fields import register_fields
from diptych_next_step.listing import register_commands, register_queries
from diptych_next_step.recording import register_mutations

__all__ = [
    "register_commands",
    "register_fields",
    "register_mutations",
    "register_plugin",
    "register_queries",
    "register_routes",
    "register_settings",
]
