"""Where the facts of a view lie: of a person, of a person within one account, of an account over its members.

Phase, level, adoption and the rest are the formulas of cdp.lenses.phases in SQL; a test compares the two.
The views are declared once, over names; these say what the names stand for. `{row}` is a row with the columns that
profile and membership share, and the others are FROM clauses (with their WHERE) of summaries:
`{tallies}` (alias t), `{days}` (d), `{registers}` (r), `{orders}` (o: one row an order, all its nodes' parts joined),
`{scored}` (x: what plugins contribute).
"""

from __future__ import annotations

from collections.abc import Mapping

from cdp.model import IntentLevel
from cdp.plan.frames import Shared
from cdp.plan.statement import Named


def nodes_of(row: str) -> str:
    """The identity nodes of a person."""
    return (
        f"ARRAY(SELECT n.node_id FROM node n WHERE n.workspace_id = $1 AND n.profile_id = {row}.profile_id)"
    )


_PERSON = "{table} WHERE {alias}.workspace_id = $1 AND {alias}.node_id = ANY({{nodes}}){within}"
_ACCOUNT = (
    "membership m JOIN node n ON n.workspace_id = $1 AND n.profile_id = m.profile_id"
    " JOIN {table} ON {alias}.workspace_id = $1 AND {alias}.node_id = n.node_id{within}"
    " WHERE m.workspace_id = $1 AND m.account_id = a.account_id"
)

# One order may have its parts on several nodes of a person: the later total stands, refunds add up.
_ORDERS = """(
    SELECT min(o.first_at) AS first_at, min(o.order_id) AS order_id,
           (array_agg(o.currency ORDER BY o.total_at DESC NULLS LAST,
                                          o.total_message_id COLLATE "C" DESC NULLS LAST))[1] AS currency,
           greatest((array_agg(o.total ORDER BY o.total_at DESC NULLS LAST,
                                                o.total_message_id COLLATE "C" DESC NULLS LAST))[1]
                    - sum(o.refunded), 0) AS amount
    FROM {source}
    GROUP BY {part}o.order_id
    HAVING bool_or(o.total_at IS NOT NULL) AND NOT bool_or(o.cancelled) AND NOT bool_or(o.refunded_whole)
       AND NOT (sum(o.refunded) > 0 AND sum(o.refunded)
                >= (array_agg(o.total ORDER BY o.total_at DESC NULLS LAST,
                                               o.total_message_id COLLATE "C" DESC NULLS LAST))[1])
) o"""


MEMBERS = """(
    SELECT a.account_id,
           coalesce(sum(m.intent_rank), 0) AS intent_rank, max(m.intent_last_at) AS intent_last_at,
           (SELECT t.key::buying_stage FROM {tallies} AND t.kind = 'stage'
            GROUP BY t.key ORDER BY sum(t.units) DESC, t.key::buying_stage DESC LIMIT 1) AS stage,
           max(m.furthest_stage) AS furthest_stage, coalesce(sum(m.purchase_count), 0) AS purchase_count,
           max(m.last_purchase_at) AS last_purchase_at, min(m.usage_first_at) AS usage_first_at,
           max(m.last_used_at) AS last_used_at, min(m.activated_at) AS activated_at,
           (SELECT array_agg(DISTINCT u.day) FROM membership m CROSS JOIN LATERAL unnest(m.used_days) AS u (day)
            WHERE m.workspace_id = $1 AND m.account_id = a.account_id) AS used_days,
           (SELECT jsonb_object_agg(f.key, f.last) FROM (
                SELECT f.key, max(f.last::timestamptz) AS last
                FROM membership m CROSS JOIN LATERAL jsonb_each_text(m.feature_last) AS f (key, last)
                WHERE m.workspace_id = $1 AND m.account_id = a.account_id GROUP BY f.key) f) AS feature_last
    FROM membership m
    WHERE m.workspace_id = $1 AND m.account_id = a.account_id
) v"""
"""The account's members as one row with the columns of a person's."""

# ── what both views' fields, filters and figures are made of ─────────────────────────────────────────────────────────

SCORE = "round(coalesce({row}.intent_rank, 0) * {decay} * 1e6) / 1e6"

LEVEL = (
    "CASE WHEN coalesce({row}.intent_rank, 0) >= {hot_rank} THEN 'HOT'"
    " WHEN coalesce({row}.intent_rank, 0) >= {warm_rank} THEN 'WARM' ELSE 'COLD' END"
)

LEVEL_BANDS: Mapping[frozenset[IntentLevel], str] = {
    frozenset(): "false",
    frozenset({IntentLevel.HOT}): "{row}.intent_rank >= {hot_rank}",
    frozenset({IntentLevel.WARM}): "({row}.intent_rank >= {warm_rank} AND {row}.intent_rank < {hot_rank})",
    frozenset({IntentLevel.COLD}): "{row}.intent_rank < least({warm_rank}, {hot_rank})",
    frozenset({IntentLevel.WARM, IntentLevel.HOT}): "{row}.intent_rank >= least({warm_rank}, {hot_rank})",
    frozenset({IntentLevel.COLD, IntentLevel.WARM}): "{row}.intent_rank < {hot_rank}",
    frozenset({IntentLevel.COLD, IntentLevel.HOT}): "NOT ({row}.intent_rank >= {warm_rank}"
    " AND {row}.intent_rank < {hot_rank})",
    frozenset(IntentLevel): "true",
}
"""The same as conditions that an index on the rank can serve."""

ACTIVE_DAYS = (
    "(SELECT count(*) FROM unnest({row}.used_days) AS u (day)"
    " WHERE u.day > {today} - {window} AND u.day <= {today})"
)

FEATURES_USED = (
    "ARRAY(SELECT f.key FROM jsonb_each_text({row}.feature_last) AS f (key, last)"
    ' WHERE f.last COLLATE "C" >= ({today} - {window} + 1)::text)'
)
"""Keys of the features that were used in the window."""

FIGURES: Mapping[str, str] = {"active_days": ACTIVE_DAYS, "features_used": FEATURES_USED}
"""What several formulas are made of, by the names that they call it."""

INFLUENCE = (
    "CASE WHEN m.influence_rank * {decay} > 0"
    " THEN round(m.influence_rank * {decay} / (m.influence_rank * {decay} + {influence_half}) * 1e6) / 1e6"
    " ELSE 0 END"
)


ADOPTION = (
    "CASE WHEN cardinality({feature_keys}) > 0 THEN round("
    "(SELECT count(*) FROM unnest({features_used}) AS f (key) WHERE f.key = ANY({feature_keys}))::float8"
    " / cardinality({feature_keys}) * 1e6) / 1e6 END"
)

PHASE = (
    "CASE WHEN {row}.last_used_at IS NULL THEN 'NONE'"
    " WHEN {row}.last_used_at < {as_of} - make_interval(days => {dormant_days}) THEN 'DORMANT'"
    " WHEN {active_days} >= {habitual_days} THEN 'HABITUAL'"
    " WHEN cardinality({features_used}) >= {adopting_features} THEN 'ADOPTING'"
    " WHEN {row}.activated_at IS NOT NULL THEN 'ACTIVATED' ELSE 'ONBOARDING' END"
)

QUALIFIED = (
    f"(({PHASE}) = 'HABITUAL' OR coalesce(({ADOPTION}) >= {{qualified_adoption}}, false))"
    " AND coalesce({row}.intent_rank, 0) < {unqualified_rank}"
)

WORKSPACE_WINDOW = {"window": "{window_days}"}
"""The window where the reader gives none."""


def roles(holder_nodes: str) -> str:
    """Every claim `c`, inferred and asserted, that the membership `m` has or had, from its holder's nodes.

    What somebody denies is over, and so is what is held no longer by its own word; of two people the later word stands.
    """

    def denied(since: str, role: str, more: str) -> str:
        # Most workspaces have no denial at all, which is asked once a statement.
        return f"""CASE WHEN EXISTS (SELECT FROM role_denial d WHERE d.workspace_id = $1) THEN (
               SELECT min(greatest(d.since, {since})) FROM role_denial d
               WHERE d.workspace_id = $1 AND d.node_id = ANY({holder_nodes}) AND d.account_id = m.account_id
                 AND d.role = {role} AND (d.until IS NULL OR d.until > {{as_of}}){more}) END"""

    return f"""(
    SELECT c.role, c.confidence, c.source, c.evidence, c.since,
           least(c.until, c.valid_until, {denied("c.since", "c.role", "")}) AS until
    FROM role_claim c
    WHERE c.workspace_id = $1 AND c.profile_id = m.profile_id AND c.account_id = m.account_id
    UNION ALL
    SELECT s.role, 1, 'human:' || s.asserted_by,
           jsonb_build_array(jsonb_build_object('reason', s.asserted_by || ' says so' || coalesce(': ' || s.note, ''))),
           s.since, least(s.until, {denied("s.since", "s.role", " AND d.since > s.since")})
    FROM role_assertion s
    WHERE s.workspace_id = $1 AND s.node_id = ANY({holder_nodes}) AND s.account_id = m.account_id
) c"""


ROLES = roles(nodes_of("m"))
"""The same where nothing else needs the nodes."""

HOLDER: Mapping[str, Shared] = {"holder_nodes": Shared(nodes_of("m"))}
"""What the fields of a membership share."""

CURRENT = "(c.until IS NULL OR c.until > {as_of})"

# ── what the views' declarations call them ───────────────────────────────────────────────────────────────────────────


_SCORED_PERSON = "score_contribution x WHERE x.workspace_id = $1 AND x.profile_id = {row}.profile_id"
_SCORED = {
    "p": _SCORED_PERSON.format(row="p"),
    "m": _SCORED_PERSON.format(row="m") + " AND x.account_id = m.account_id",
    "v": "membership m JOIN score_contribution x"
    " ON x.workspace_id = $1 AND x.profile_id = m.profile_id AND x.account_id = m.account_id"
    " WHERE m.workspace_id = $1 AND m.account_id = a.account_id",
}


def _names(row: str, template: str, *, within: str = "", part: str = "") -> Mapping[str, str]:
    def source(table: str, alias: str) -> str:
        narrowed = f" AND {alias}.account_id = ANY({within}.scope)" if within else ""
        return template.format(table=f"{table} {alias}", alias=alias, within=narrowed)

    return {
        "row": row,
        "nodes": nodes_of(row),
        "tallies": source("summary_tally", "t"),
        "days": source("summary_day", "d"),
        "registers": source("summary_register", "r"),
        "scored": f"{_SCORED[row]} AND (x.valid_until IS NULL OR x.valid_until > {{as_of}})",
        "orders": _ORDERS.format(source=source("summary_order", "o"), part=part),
        **FIGURES,
    }


OF_PERSON = _names("p", _PERSON)
"""All that is known of the person `p`."""

OF_MEMBER = _names("m", _PERSON, within="m")
"""What counts within the account of the membership `m`."""

OF_ACCOUNT = _names("v", _ACCOUNT, within="m", part="n.profile_id, ")
"""What counts in the account `a`, of all that have a membership row in it; the row is `v`, see MEMBERS."""


def shown(names: Mapping[str, str]) -> Mapping[str, Named]:
    """The same for an object's fields, which share what is dear; filters and orders are about one thing at a time."""
    return {**names, **{name: Shared(names[name]) for name in ("nodes", *FIGURES)}}
