"""What a statement knows of the workspace and of the time: named parameters, written `{name}` in declarations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from msgspec import Struct

from cdp.access.personal import closed_to
from cdp.access.scopes import NO_SCOPES, Scope, Scopes
from cdp.lenses import phases
from cdp.model import Identifier, RoleKind, Workspace
from cdp.model.classes import TraitOf

Normalise = Callable[[str, str], Identifier | None]
"""(kind, value) → the identifier as it is stored; None: this can be none."""


class Moment(Struct, frozen=True, kw_only=True):
    """What one execution of a plan is given besides the client's variables."""

    workspace: Workspace
    as_of: datetime
    normalise: Normalise
    roles: tuple[RoleKind, ...] = ()
    """All that there are."""
    scopes: Scopes = NO_SCOPES
    """What the reader may do; what traits are shown depends on it, and on what the workspace has declared of them."""
    visitor: Identifier | None = None
    """Whom the reader's visitor token proves; None: nobody."""

    @property
    def decay(self) -> float:
        """What a stored rank is multiplied by to be today's score: 2^(−(as_of − epoch)/half-life)."""
        return _decay(self.workspace.epoch, self.workspace.settings.half_life_days, self.as_of)

    def rank_of(self, score: float) -> float:
        """The stored rank that is this score today."""
        # Never 0: the exponent of the decay is bounded.
        return score / self.decay

    @property
    def today(self) -> date:
        """The day in UTC."""
        return self.as_of.date()


@lru_cache(maxsize=64)
def _decay(epoch: datetime, half_life_days: float, as_of: datetime) -> float:
    """One statement asks several times."""
    return phases.decay(epoch=epoch, half_life_days=half_life_days, as_of=as_of)


def _setting(name: str) -> Callable[[Moment], Any]:
    return lambda moment: getattr(moment.workspace.settings, name)


def _declared(of: TraitOf) -> Callable[[Moment], Any]:
    return lambda moment: list(moment.workspace.trait_classes.of(of))


def _closed(of: TraitOf) -> Callable[[Moment], Any]:
    return lambda moment: closed_to(moment.scopes, moment.workspace.trait_classes, of)


NAMED: Mapping[str, tuple[str, Callable[[Moment], Any]]] = {
    "as_of": ("timestamptz", lambda moment: moment.as_of),
    "today": ("date", lambda moment: moment.today),
    "decay": ("float8", lambda moment: moment.decay),
    "warm_rank": ("float8", lambda moment: moment.rank_of(moment.workspace.settings.warm_score)),
    "hot_rank": ("float8", lambda moment: moment.rank_of(moment.workspace.settings.hot_score)),
    "unqualified_rank": (
        "float8",
        lambda moment: moment.rank_of(moment.workspace.settings.qualified_score_below),
    ),
    "qualified_adoption": ("float8", _setting("qualified_adoption")),
    "influence_half": ("float8", lambda _moment: phases.INFLUENCE_HALF),
    "window_days": ("int4", _setting("window_days")),
    "dormant_days": ("int4", _setting("dormant_days")),
    "habitual_days": ("int4", _setting("habitual_days")),
    "adopting_features": ("int4", _setting("adopting_features")),
    "onboarding_steps": ("text[]", lambda moment: list(moment.workspace.settings.onboarding_steps)),
    "buying_roles": ("text[]", lambda moment: sorted(role.name for role in moment.roles if role.buying)),
    "needed_roles": (
        "text[]",
        lambda moment: sorted(role.name for role in moment.roles if role.buying and role.needed),
    ),
    "lacks_pii": ("bool", lambda moment: Scope.PII_READ not in moment.scopes),
    **{f"{of.value.lower()}_declared": ("text[]", _declared(of)) for of in TraitOf},
    **{f"{of.value.lower()}_closed": ("text[]", _closed(of)) for of in TraitOf},
    "visitor_kind": ("text", lambda moment: moment.visitor and moment.visitor.kind),
    "visitor_value": ("text", lambda moment: moment.visitor and moment.visitor.value),
    "feature_keys": ("text[]", lambda moment: sorted(feature.key for feature in moment.workspace.features)),
}
"""Name → SQL type and value."""
