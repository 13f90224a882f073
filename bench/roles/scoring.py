"""Precision, recall and F1 of claimed roles against the withheld answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

ANSWERS = {
    "economic_buyer": "ECONOMIC_BUYER",
    "champion": "CHAMPION",
    "end_user": "END_USER",
    "technical_evaluator": "TECHNICAL_EVALUATOR",
}
"""`buyer_role` → the role that says the same. The last one is no role of the core: the plugin `roles` registers it."""


class Score(NamedTuple):
    """How well one role was found."""

    role: str
    holders: int
    claimed: int
    right: int

    @property
    def precision(self) -> float:
        """Of those who were said to hold it, the share who do."""
        return self.right / self.claimed if self.claimed else 0.0

    @property
    def recall(self) -> float:
        """Of those who hold it, the share who were found."""
        return self.right / self.holders if self.holders else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of the two."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def score(
    answers: Mapping[str, str], claims: Mapping[str, Mapping[str, float]], least: float = 0.0
) -> list[Score]:
    """One score per role.

    Args:
        answers: person → buyer_role.
        claims: person → role → confidence.
        least: claims below this confidence do not count.
    """
    scores = []
    for answer, role in ANSWERS.items():
        holders = {person for person, given in answers.items() if given == answer}
        claimed = {person for person in answers if claims.get(person, {}).get(role, -1.0) >= least}
        scores.append(Score(role, len(holders), len(claimed), len(holders & claimed)))
    return scores


def agreement(answers: Mapping[str, str], claims: Mapping[str, Mapping[str, float]]) -> float:
    """The share of people whose most confident role, of those that have a counterpart, is the answer."""
    right = 0
    for person, answer in answers.items():
        known = {role: sure for role, sure in claims.get(person, {}).items() if role in ANSWERS.values()}
        right += bool(known) and max(known, key=lambda role: (known[role], role)) == ANSWERS[answer]
    return right / len(answers)
