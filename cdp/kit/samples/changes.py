"""What is done when somebody moves along a journey."""

import structlog

from cdp.hooks import hookimpl
from cdp.model import Measured, StageChange

log = structlog.get_logger(__name__)


@hookimpl
def on_stage_changed(change: StageChange) -> None:
    """Told after the commit, at least once: `delivery_id` is the same when a change is told again."""
    if change.measured is Measured.PHASE:
        log.info("usage_phase", person=change.person.profile_id, before=change.before, after=change.after)
