"""What a backfill would cost: the waterfall run dry, over what is known now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

from msgspec import Struct

from cdp.enrichment.providers import Source
from cdp.enrichment.settings import EnrichmentSettings
from cdp.enrichment.subjects import Case
from cdp.enrichment.waterfall import missing, next_source


class ProviderEstimate(Struct, kw_only=True):
    """What one provider would be asked, and paid."""

    provider: str
    currency: str
    calls: int = 0
    """Where everybody who is asked knows all that they declare."""
    most_calls: int = 0
    """Where nobody but the last of each waterfall does."""
    cost: Decimal = Decimal(0)
    most_cost: Decimal = Decimal(0)


class Estimate(Struct, frozen=True, kw_only=True):
    """Of a backfill; budgets and limits may spread it over days, and never make it dearer."""

    subjects: int
    estimated_from: int
    """Of how many the figures were computed; the others are taken to be like them."""
    providers: tuple[ProviderEstimate, ...]


class Dry:
    """Adds up what the waterfall would do."""

    def __init__(self, sources: Sequence[Source], rules: EnrichmentSettings) -> None:
        self._sources = sources
        self._rules = rules
        self._figures: dict[str, ProviderEstimate] = {}
        self._cases = 0

    def add(self, cases: Iterable[Case]) -> None:
        """Run it over these."""
        for case in cases:
            self._cases += 1
            for source in self._path(case, knowing=True):
                figures = self._of(source)
                figures.calls += 1
                figures.cost += source.provider.cost
            for source in self._path(case, knowing=False):
                figures = self._of(source)
                figures.most_calls += 1
                figures.most_cost += source.provider.cost

    def estimate(self, subjects: int) -> Estimate:
        """For so many subjects, in proportion to those that were added."""
        if self._cases and subjects > self._cases:
            for one in self._figures.values():
                one.calls = _scaled(one.calls, subjects, self._cases)
                one.most_calls = _scaled(one.most_calls, subjects, self._cases)
                one.cost = one.cost * subjects / self._cases
                one.most_cost = one.most_cost * subjects / self._cases
        return Estimate(
            subjects=subjects,
            estimated_from=self._cases,
            providers=tuple(self._figures[name] for name in sorted(self._figures)),
        )

    def _of(self, source: Source) -> ProviderEstimate:
        return self._figures.setdefault(
            source.name, ProviderEstimate(provider=source.name, currency=source.provider.currency)
        )

    def _path(self, case: Case, *, knowing: bool) -> list[Source]:
        """Who would be asked, and paid."""
        known = dict(case.known)
        done: set[str] = set(case.fresh)
        path: list[Source] = []
        while (source := self._next(known, done)) is not None:
            done.add(source.name)
            path.append(source)
            if knowing:
                sure = source.provider.confidence
                for field in missing(source, known, target=self._rules.confidence, wanted=self._rules.fields):
                    known[field] = max(known.get(field, 0.0), sure)
        return path

    def _next(self, known: dict[str, float], done: Collection[str]) -> Source | None:
        return next_source(
            self._sources, known, target=self._rules.confidence, wanted=self._rules.fields, done=done
        )


def _scaled(count: int, subjects: int, cases: int) -> int:
    return -(-count * subjects // cases)
