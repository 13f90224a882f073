"""What every column of the database tells: the source from which all labels of the schema follow.

A row of some tables tells of one panel or the other, by a column that says what it is about; of an event, two columns
say which panels it feeds. There, any use of the row counts, and what the statement demands of these columns decides.
"""

from __future__ import annotations

from collections.abc import Mapping

from cdp.plan.labels import ADMIN, AUDIT, BOTH, INTENT, NONE, PII, USAGE, Labels

CLASSED = PII | BOTH
"""Of attributes, each of which may tell anything."""

_PANEL_ROW = {
    INTENT: "intent_rank intent_last_at intent_units stage furthest_stage stage_units purchase_count last_purchase_at",
    USAGE: "usage_first_at last_used_at activated_at used_days feature_last",
}

COLUMNS: Mapping[str, Mapping[Labels, str]] = {
    "profile": {
        NONE: "workspace_id profile_id created_at merged_into merge_order parted",
        PII: "display_name search_text",
        CLASSED: "traits",
        BOTH: "first_seen_at last_seen_at",
        **_PANEL_ROW,
    },
    "profile_search": {NONE: "workspace_id profile_id", PII: "text"},
    "node": {NONE: "workspace_id node_id kind profile_id born_profile_id created_at", PII: "value"},
    "account": {
        NONE: "workspace_id account_id kind group_id domain merged_into created_at",
        PII: "name",
        CLASSED: "traits",
        USAGE: "seats_licensed",
    },
    "account_trait": {
        NONE: "workspace_id account_id occurred_at message_id source",
        CLASSED: "key value",
    },
    "membership": {
        NONE: "workspace_id profile_id account_id own scope sources since until",
        BOTH: "influence_rank influence_units",
        **_PANEL_ROW,
    },
    "membership_evidence": {
        NONE: "workspace_id node_id account_id source since until occurred_at message_id",
    },
    # A role follows from what either panel knows.
    "role_claim": {
        NONE: "workspace_id",
        BOTH: "claim_id profile_id account_id role source confidence evidence since until valid_until",
    },
    "role_assertion": {
        NONE: "workspace_id",
        BOTH: "assertion_id node_id account_id role note asserted_by since until",
    },
    "role_denial": {
        NONE: "workspace_id",
        BOTH: "denial_id node_id account_id role note denied_by since until",
    },
    "role_revision": {
        NONE: "workspace_id",
        BOTH: "claim_id revision_id confidence evidence replaced_at",
    },
    "enrichment": {
        NONE: "workspace_id node_id provider key confidence cost fetched_at expires_at currency",
        CLASSED: "value",
    },
    "account_enrichment": {
        NONE: "workspace_id account_id provider key confidence cost currency fetched_at expires_at",
        CLASSED: "value",
    },
    "event": {
        NONE: "workspace_id event_id occurred_at received_at message_id type name node_id account_id intent usage"
        " source",
        CLASSED: "properties context",
    },
    "score_contribution": {
        NONE: "workspace_id profile_id account_id panel source name points since valid_until",
        PII: "reason facts",
    },
    "summary_tally": {NONE: "workspace_id node_id account_id kind key count first_at last_at units"},
    "summary_register": {
        NONE: "workspace_id node_id account_id kind key value occurred_at message_id source",
    },
    "summary_day": {USAGE: "workspace_id node_id account_id feature day count"},
    "summary_order": {
        INTENT: "workspace_id node_id account_id order_id currency total total_at total_message_id refunded"
        " refunded_whole cancelled first_at last_at",
    },
    "feature": {NONE: "workspace_id key name tip"},
    "link": {
        NONE: "workspace_id node_a node_b state rule reason evidence first_at",
        BOTH: "times last_at",
    },
    "trait_class": {NONE: "workspace_id of folded key class changed_by changed_at"},
    "workspace": {NONE: "workspace_id name settings version epoch created_at limits"},
    # Names and counts of events are shown to administrators.
    "event_name": {ADMIN: "workspace_id name tracked slot count dropped first_at last_at"},
    "job": {
        NONE: "workspace_id job_id",
        ADMIN: "plugin name key input state attempts started_by created_at due_at retry_at began_at"
        " finished_at claimed_until claimed_by cancel_asked done total message result error",
    },
    "change_delivery": {
        NONE: "workspace_id delivery_id",
        ADMIN: "plugin profile_id hook subject version about before after state attempts"
        " noted_at due_at claimed_until claimed_by error failed_at",
    },
    "audit_entry": {
        NONE: "workspace_id",
        AUDIT: "sequence at principal name role purpose act object detail hash",
    },
    "refused_event": {
        NONE: "workspace_id refused_id",
        ADMIN: "received_at source code message body replayed_at",
    },
}
"""Of the tables that the planner reads, the columns by what they tell."""

ROWS: Mapping[str, tuple[str, Mapping[str, Labels]]] = {
    "summary_tally": (
        "kind",
        {
            "stage": INTENT,
            "signal": INTENT,
            "feature": USAGE,
            "onboarding": USAGE,
            "usage": USAGE,
            "ACTIVATION": USAGE,
            "TICKET_OPENED": USAGE,
            "TICKET_CLOSED": USAGE,
            "TRAINING_STARTED": USAGE,
            "TRAINING_COMPLETED": USAGE,
        },
    ),
    "summary_register": ("kind", {"contract": INTENT, "satisfaction": USAGE}),
    "score_contribution": ("panel", {"INTENT": INTENT, "USAGE": USAGE, "INFLUENCE": BOTH}),
}
"""Tables whose rows tell by a column what they tell; whatever else it says there, they tell of both panels."""

FEEDS: Mapping[str, Mapping[str, Labels]] = {"event": {"intent": INTENT, "usage": USAGE}}
"""Tables whose rows tell of a panel unless the statement demands that a column is false."""

FUNCTIONS: Mapping[str, Labels] = {
    "find_people": PII,
    # Finds rows that the filter itself looks at.
    "find_people_by_trait": NONE,
    # Leads a visitor to the profile that the token proves.
    "visitor_profile": NONE,
    "bound_workspace": NONE,
}
"""Functions of the schema `cdp`, by what their answers tell."""
