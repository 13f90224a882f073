"""A subject on its way through one pass, and what becomes of it when nobody else is to be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct, field

from cdp.db.pool import Connection
from cdp.enrichment import meter, queue
from cdp.enrichment.apply import pass_over
from cdp.enrichment.meter import Figures
from cdp.enrichment.providers import Source
from cdp.enrichment.queue import Held
from cdp.enrichment.settings import EnrichmentSettings
from cdp.enrichment.subjects import Case
from cdp.enrichment.waterfall import gain
from cdp.model import Subject, WorkspaceId

MOST_ATTEMPTS = 10
"""A subject that only failing providers hold up is given up after so many; the next event about it tries again."""
_LONGEST_WAIT = timedelta(hours=1)
_SHORTLY = timedelta(seconds=1)


class Going(Struct, kw_only=True):
    """One subject in one pass."""

    case: Case
    held: Held
    done: set[str] = field(default_factory=set)
    """Providers that are not to be asked, or not any more."""
    later: dict[str, datetime] = field(default_factory=dict)
    """Providers that may not be asked yet, and when it is worth trying."""
    failed: set[str] = field(default_factory=set)
    """Providers that did not answer."""
    waiting: datetime | None = None
    """The provider whose turn it is has to be waited for until then."""
    stopped: bool = False
    """Nobody else is to be asked in this pass."""
    lost: bool = False
    """Another worker has taken it over."""

    @classmethod
    def of(cls, case: Case, held: Held, *, now: datetime) -> Going:
        """At the top of the waterfall."""
        return cls(
            case=case,
            held=held,
            done={*case.fresh, *case.under_way},
            later=dict.fromkeys(case.under_way, now + _SHORTLY),
        )


async def finish(
    connection: Connection,
    workspace_id: WorkspaceId,
    token: UUID,
    *,
    held: Sequence[Held],
    going: Sequence[Going],
    sources: Mapping[Subject, Sequence[Source]],
    rules: EnrichmentSettings,
    now: datetime,
) -> None:
    """Let go of all that was held: done, or to be looked at again; in a transaction."""
    done = _vanished(held, going)
    later: list[tuple[Held, int, datetime]] = []
    passed: list[tuple[Case, Source]] = []
    for one in going:
        if one.lost:
            continue
        again = _again(one, sources[one.case.subject], rules, now)
        if again is None:
            done.append(one.held)
            passed += [
                (one.case, source) for source in sources[one.case.subject] if source.name not in one.done
            ]
        else:
            later.append((one.held, *again))
    await queue.finish(connection, workspace_id, token, done, now=now)
    await queue.postpone(connection, workspace_id, token, later)
    await queue.release(connection, workspace_id, token)
    await pass_over(connection, workspace_id, passed, now=now)
    await _tally_cached(connection, workspace_id, going, sources, now)


def _vanished(held: Sequence[Held], going: Sequence[Going]) -> list[Held]:
    found = {(one.held.subject, one.held.subject_id) for one in going}
    return [one for one in held if (one.subject, one.subject_id) not in found]


def _again(
    one: Going, sources: Sequence[Source], rules: EnrichmentSettings, now: datetime
) -> tuple[int, datetime] | None:
    """With how many attempts, and when, the subject is to be looked at again; None: it is done."""
    if one.waiting is not None:
        return 0, one.waiting
    useful = {
        source.name
        for source in sources
        if gain(source, one.case.known, target=rules.confidence, wanted=rules.fields) > 0
    }
    if useful & one.failed and one.held.attempts < MOST_ATTEMPTS:
        wait = min(_LONGEST_WAIT, timedelta(seconds=2 ** min(one.held.attempts, 12)))
        return one.held.attempts, now + wait
    times = [until for name, until in one.later.items() if name in useful]
    return (0, min(times)) if times else None


async def _tally_cached(
    connection: Connection,
    workspace_id: WorkspaceId,
    going: Sequence[Going],
    sources: Mapping[Subject, Sequence[Source]],
    now: datetime,
) -> None:
    figures: dict[tuple[str, str], Figures] = {}
    for one in going:
        for source in sources[one.case.subject]:
            if source.name in one.case.fresh:
                figures.setdefault((source.name, source.provider.currency), Figures()).cached += 1
    if figures:
        await meter.tally(connection, workspace_id, figures, now.date())
