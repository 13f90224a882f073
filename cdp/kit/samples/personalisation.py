"""What to show in a slot of one's own."""

from cdp.hooks import hookimpl
from cdp.model import Candidate, Lens, PersonalisationRequest

SLOT = "sample_plugin"


@hookimpl
def propose_personalisation(request: PersonalisationRequest) -> list[Candidate]:
    """A tip on the first feature that the person has not used; nothing for other slots."""
    if request.slot != SLOT:
        return []
    used = {one.feature for one in request.membership.usage.features}
    missing = [feature for feature in request.features if feature.key not in used]
    return [
        Candidate(
            variant=f"try_{feature.key}",
            content={"headline": f"Have you tried {feature.name}?"},
            lens=Lens.USAGE,
            reason=f"Has not used {feature.name} yet.",
        )
        for feature in missing[:1]
    ]
