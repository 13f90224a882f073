"""Attributes and names as those see them who may not see everything: the SQL of it.

Which keys are closed to a reader is bound to each statement (`{profile_closed}`, …), from what the workspace has
declared and from the reader's scopes, so that plans do not depend on what a workspace declares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdp.access.personal import ADDRESS, ALONE, ANYWHERE, scope_to_see
from cdp.access.scopes import Scope, Scopes
from cdp.errors import Forbidden
from cdp.model.classes import TraitOf
from cdp.plan.labels import BOTH, PII, Label, Labels
from cdp.plan.moment import Moment
from cdp.plan.operators import path_of
from cdp.plan.statement import Convert

CLASSED: Labels = PII | BOTH
"""What it takes to see whatever an attribute may tell."""

_WHATEVER_WAS_SENT = frozenset({"RefusedEvent.body"})
"""Fields that hold what somebody sent, whatever that is."""


def told_of_people(type_name: str, name: str, labels: Labels, scopes: Scopes) -> bool:
    """Whether a field tells these readers who people are, so that the audit log is to say that they read it."""
    return (Label.PII in labels and Scope.PII_READ in scopes) or f"{type_name}.{name}" in _WHATEVER_WAS_SENT


HOUSEHOLD = "a.kind = 'HOUSEHOLD'"
"""Accounts `a` whose traits may be people's."""


def unless_household(value: str) -> str:
    """A value of the account `a`, null for a household: what that is called, its people are called."""
    return f"(CASE WHEN NOT {HOUSEHOLD} THEN {value} END)"


_ALONE = ", ".join(f"'{name}'" for name in ALONE)


def is_personal(key: str, value: str) -> str:
    """The condition that an attribute, `key` text and `value` jsonb, identifies a person; see cdp.access.personal."""
    inside = f'$.** ? (@.type() == "object").keyvalue().key ? (@ like_regex "{ANYWHERE}" flag "i")'
    return (
        f"(lower({key}) ~ '{ANYWHERE}' OR lower({key}) IN ({_ALONE}) OR {value}::text ~ '{ADDRESS}'"
        # Asked last, and only of what may have names inside: it is as dear as all else together.
        f" OR (jsonb_typeof({value}) IN ('object', 'array')"
        f" AND jsonb_path_exists({value}, '{inside}', '{{}}', true)))"
    )


def seen(of: TraitOf, key: str, value: str, *, where: str | None = None) -> str:
    """The condition that the reader may see an attribute: by its declared class, else by its name and value.

    Args:
        of: what it is an attribute of.
        key: SQL of its name, text.
        value: SQL of its value, jsonb.
        where: condition under which something undeclared may be personal at all.
    """
    name = of.value.lower()
    declared = f"{{{name}_declared}}"
    spelled = f"translate(lower({key} COLLATE \"C\"), ' _-.', '')"
    personal = "" if of is TraitOf.EVENT else f" AND {is_personal(key, value)}"
    if where is not None:
        personal = f" AND {where}{personal}"
    return (
        f"(CASE WHEN cardinality({declared}) > 0 AND {spelled} = ANY({declared})"
        f" THEN NOT {spelled} = ANY({{{name}_closed}}) ELSE NOT coalesce({{lacks_pii}}{personal}, false) END)"
    )


def seen_traits(of: TraitOf, traits: str, *, where: str | None = None) -> str:
    """These attributes, a jsonb object, without those that the reader may not see."""
    return (
        f"(CASE WHEN {{lacks_pii}} OR cardinality({{{of.value.lower()}_closed}}) > 0"
        " THEN (SELECT coalesce(jsonb_object_agg(trait.key, trait.value), '{}')"
        f" FROM jsonb_each({traits}) AS trait (key, value)"
        f" WHERE {seen(of, 'trait.key', 'trait.value', where=where)}) ELSE {traits} END)"
    )


def seen_trait(of: TraitOf, traits: str, path: str, *, where: str | None = None) -> str:
    """The value at a path (SQL of a text[]) of these attributes; null where the reader may not see it."""
    key = f"({path})[1]"
    return f"(CASE WHEN {seen(of, key, f'({traits} -> {key})', where=where)} THEN {traits} #> {path} END)"


def _open_path(of: TraitOf) -> Convert:
    def convert(value: Any, moment: Moment) -> list[str]:
        steps = path_of(value, moment)
        scope = scope_to_see(moment.workspace.trait_classes, of, steps[0])
        if scope is not None and scope not in moment.scopes:
            raise Forbidden(
                f"To filter or sort by the trait `{steps[0][:80]}` needs the scope {scope.value}."
            )
        return steps

    return convert


OPEN_PATHS: Mapping[TraitOf, Convert] = {of: _open_path(of) for of in TraitOf}
"""Read the steps of a path whose trait the reader may filter and sort by; they raise BadInput, and Forbidden where its
class or its name says already that the reader may not."""


# ── masks ────────────────────────────────────────────────────────────────────────────────────────────────────────────

DOT = "•••"
"""What stands for what is not shown, however long that is."""


def masked_address(value: str) -> str:
    """An e-mail address as `j•••@example.com`; of a name of one or two characters nothing is left."""
    name = f"regexp_replace({value}, '@[^@]*$', '')"
    domain = f"regexp_replace({value}, '^.*@', '')"
    return f"concat(CASE WHEN length({name}) > 2 THEN left({value}, 1) END, '{DOT}@', {domain})"


def masked_identifier(kind: str, value: str) -> str:
    """An identifier so that it cannot be used: an address without its name, the last two digits of a phone number."""
    return (
        f"(CASE WHEN strpos({value}, '@') > 0 THEN {masked_address(value)}"
        f" WHEN {kind} = 'phone' AND length({value}) > 7 THEN '{DOT}' || right({value}, 2) ELSE '{DOT}' END)"
    )


def masked_name(name: str) -> str:
    """What a person is called, as `J. •.`; whoever is called by an address, as that is masked."""
    return (
        f"(CASE WHEN {name} IS NULL THEN NULL WHEN strpos({name}, '@') > 0 THEN {masked_address(name)}"
        f" WHEN {name} ~ '^[[:alpha:]]' THEN upper(left({name}, 1)) || '. •.' ELSE '{DOT}' END)"
    )
