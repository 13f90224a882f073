"""What came of what people were shown: each variant against those from whom it was withheld.

A person counts once, in the arm that they were first shown in the period; later impressions do not move them, so that
arms are independent. A variant's control are the people of the holdout group who would have been shown this variant
(their impressions say so: `withheld`), not the whole group, whose members may be in nobody's audience. The idea is that
of "ghost ads" (G. A. Johnson, R. A. Lewis, E. I. Nubbemeyer, Journal of Marketing Research 54, 2017). An outcome counts
if it comes within the slot's period after the first impression.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import WorkspaceId
from cdp.model.personalisation import HOLDOUT
from cdp.personalisation.lift import Lift, Share, lift, share
from cdp.personalisation.slots import Slot

_SQL = load_queries("cdp.personalisation", "store.sql")

LONGEST_SECONDS = 10.0


class Arm(Struct, frozen=True, kw_only=True):
    """One variant's people, and its control's."""

    variant: str
    impressions: int
    treated: Share | None
    """People who were shown it, and of these those who then did what the slot is for; None: nobody was."""
    control: Share | None
    """The same of those whom it is compared with."""
    lift: Lift | None
    """None where one of the two has nobody."""


async def report(
    connection: Connection,
    workspace_id: WorkspaceId,
    slot: Slot,
    *,
    since: datetime,
    until: datetime,
    control: str | None = None,
) -> list[Arm]:
    """Every variant that was shown or withheld in the period, by name.

    Args:
        connection: bound to the workspace.
        workspace_id: which.
        slot: which; its goals are those of today.
        since: impressions from then on …
        until: … and before this.
        control: a variant to compare the others with, in place of the holdout group.
    """
    rows = await connection.fetch(
        _SQL.arms,
        workspace_id,
        slot.name,
        since,
        until,
        list(slot.goals),
        slot.goal_within,
        timeout=LONGEST_SECONDS,
    )
    treated = {row["variant"]: row for row in rows if row["variant"] != HOLDOUT}
    withheld = {
        row["withheld"]: row for row in rows if row["variant"] == HOLDOUT and row["withheld"] is not None
    }
    if control is not None:
        withheld = {name: treated[control] for name in treated if name != control and control in treated}
    arms = []
    for name in sorted(treated.keys() | withheld.keys()):
        of, against = treated.get(name), withheld.get(name)
        one = share(of["converted"], of["people"]) if of is not None else None
        other = share(against["converted"], against["people"]) if against is not None else None
        arms.append(
            Arm(
                variant=name,
                impressions=of["impressions"] if of is not None else 0,
                treated=one,
                control=other,
                lift=lift(one, other) if one is not None and other is not None else None,
            )
        )
    return arms
