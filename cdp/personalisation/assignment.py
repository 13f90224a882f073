"""Who gets which variant: the same person the same one, in every process and at any time.

A hash gives each (person, variant) a number u, uniform in (0, 1): 52 bits of BLAKE2b (RFC 7693) over both, keyed with
the slot's salt. The variant with the smallest −ln(u) / weight wins. Such keys are exponential variables with the
weights as rates, so that a variant wins with the probability weight / Σ weights. This is rendezvous hashing (Thaler and
Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998) with
weights by the logarithmic method (Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005).

What follows, and is promised: a variant that is added takes people from the others and moves nobody between them; one
that is removed, or no longer eligible, gives its people to the others and moves nobody else; a greater weight only
gains people. The holdout is drawn by a number of its own, so that it is independent of the variants, and a greater
share only adds people to it. Slots with one salt have one holdout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import blake2b

from cdp.model import ProfileId

_BITS = 52
"""One fewer than a double holds, so that the half that is added is exact and the end of the interval never reached."""


def uniform(salt: str, *parts: str) -> float:
    """A number in the open interval (0, 1) that follows from the salt and the parts alone."""
    digest = blake2b("\x1f".join(parts).encode(), digest_size=8, key=salt.encode()[:64]).digest()
    return math.ldexp((int.from_bytes(digest, "big") >> (64 - _BITS)) + 0.5, -_BITS)


def assign(salt: str, profile_id: ProfileId, weights: Mapping[str, float]) -> str:
    """The variant of a person.

    Args:
        salt: of the slot; another one deals people anew.
        profile_id: the person; of merged profiles, the survivor.
        weights: of each variant, above 0; at least one variant.
    """
    return min(
        weights,
        key=lambda name: (-math.log(uniform(salt, "variant", str(profile_id), name)) / weights[name], name),
    )


def held_out(salt: str, profile_id: ProfileId, share: float) -> bool:
    """Whether a person is in the holdout group, which has this share of all people, 0 to 1."""
    return uniform(salt, "holdout", str(profile_id)) < share
