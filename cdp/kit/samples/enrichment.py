"""Traits that follow from what a person is known by."""

from cdp.hooks import hookimpl
from cdp.model import EnrichedTrait, EnrichmentRequest

UNIVERSITIES = {"ox.ac.uk": "University of Oxford", "ethz.ch": "ETH Zürich"}


@hookimpl
def enrich_person(request: EnrichmentRequest) -> list[EnrichedTrait]:
    """What each e-mail address tells; a trait stays with the identifier that it is about."""
    found = []
    for identifier in request.identifiers:
        domain = identifier.value.rpartition("@")[2]
        if identifier.kind == "email" and domain in UNIVERSITIES:
            trait = EnrichedTrait(
                key="university", value=UNIVERSITIES[domain], about=identifier, confidence=0.9
            )
            found.append(trait)
    return found
