"""The events by which what people were shown, and what came of it, is recorded: through the ordinary ingest path."""

from __future__ import annotations

from typing import Any

from cdp.personalisation.decide import Decision

SHOWN = "Personalisation Shown"
"""An impression. Properties: `slot`, `variant`; `withheld` where the variant is `holdout`."""
CONVERTED = "Personalisation Converted"
"""An outcome, whatever the slot's goals are. Properties: `slot`, and `variant` where it is known."""


def shown(decision: Decision) -> dict[str, Any]:
    """The track call of a decision's impression."""
    properties = {"slot": decision.slot, "variant": decision.variant}
    if decision.withheld is not None:
        properties["withheld"] = decision.withheld
    return {"event": SHOWN, "properties": properties}
