"""What a job title suggests about somebody's part in a purchase.

These are general expectations of how companies buy (the buying centre of Webster and Wind, "A General Model for
Understanding Organizational Buying Behavior", Journal of Marketing 36, 1972: users, influencers, buyers, deciders,
gatekeepers), not fitted to any data set: where one says otherwise (the demo's calls people in procurement end users),
the expectation stands and the score suffers. They are weak evidence, and graded so: a title says what somebody is
employed for, not what they did here.

| who | as | confidence | why |
| --- | --- | --- | --- |
| leads finance (CFO, VP or Head of Finance, …) | ECONOMIC_BUYER | 0.7 | holds the budget that it is paid from |
| owns or runs the company (CEO, founder, …) | ECONOMIC_BUYER | 0.65 | may decide anything |
| buys for a living (procurement, sourcing) | ECONOMIC_BUYER | 0.5 | makes the purchase, within limits |
| works in finance, in any other post | ECONOMIC_BUYER | 0.25 | is near the budget |
| leads technology, or works in it | TECHNICAL_EVALUATOR | 0.7, 0.5 | is asked whether it works and is safe |
| lawyer, privacy, compliance | LEGAL_AND_COMPLIANCE | 0.75 | must agree |
| manages a team's daily work (manager, team lead) | CHAMPION | 0.45 | owns the problem, and argues for what solves it |
| does the daily work (specialist, clerk, …) | END_USER | 0.45 | is who uses such a thing |
| is on the board or in the top row, elsewhere | ECONOMIC_BUYER, EXECUTIVE_SPONSOR | 0.3 | may decide or back it |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cdp.model import Role
from diptych_roles.grounds import Ground
from diptych_roles.roles import EXECUTIVE_SPONSOR, LEGAL_AND_COMPLIANCE, TECHNICAL_EVALUATOR

TITLE = ("job_title", "jobtitle", "title", "position")
FUNCTION = ("role_function", "function", "department", "job_function")
SENIORITY = ("seniority", "hs_seniority", "job_level")

_TOP = re.compile(r"\b(c suite|c level|c[efimst]o|coo|cpo|ciso|chief|president|board)\b")
_OWNER = re.compile(
    r"\b(ceo|chief executive|owner|co ?founder|founder|proprietor|managing director|president)\b"
)
_LEADER = re.compile(r"\b(c[a-z]o|ciso|chief|[se]?vp|vice president|head|director|lead partner)\b")
_MANAGER = re.compile(r"\b(manager|lead|supervisor|team ?leader|coordinator)\b")
_WORKER = re.compile(
    r"\b(specialist|analyst|clerk|assistant|associate|representative|agent|technician|accountant|designer|writer|"
    r"consultant|administrator|operator|officer)\b"
)
_FINANCE = re.compile(r"\b(cfo|financ\w*|controller|comptroller|treasur\w+|budget\w*)\b")
_PROCUREMENT = re.compile(r"\b(procurement|purchas\w+|sourcing|buyer|buying)\b")
_TECHNOLOGY = re.compile(
    r"\b(cto|cio|ciso|it|ict|engineer\w*|developer|architect|devops|technolog\w+|technical|information systems|"
    r"security|infrastructure|software|systems)\b"
)
_LEGAL = re.compile(r"\b(legal|counsel|lawyer|attorney|compliance|privacy|dpo|data protection)\b")
_NOT_TOP = re.compile(r"\bvice president\b")


def grounds(traits: Mapping[str, Any]) -> Iterator[Ground]:
    """What title, function and seniority suggest together; the surest ground of each role only."""
    said = {
        key: traits[key]
        for key in (*TITLE, *FUNCTION)
        if isinstance(traits.get(key), str) and traits[key].strip()
    }
    senior = {
        key: traits[key] for key in SENIORITY if isinstance(traits.get(key), str) and traits[key].strip()
    }
    best: dict[str, Ground] = {}
    for key, value in said.items():
        for role, confidence, why in _suggestions(_words(value)):
            ground = Ground(
                role=role,
                confidence=confidence,
                reason=f"{value.strip()[:80]!r} {why}",
                facts={"trait": key, "value": value.strip()[:200]},
            )
            if role not in best or best[role].confidence < confidence:
                best[role] = ground
    if not best:
        for key, value in senior.items():
            if _is_top(_words(value)):
                for role in (Role.ECONOMIC_BUYER, EXECUTIVE_SPONSOR):
                    best[role] = Ground(
                        role=role,
                        confidence=0.3,
                        reason=f"{value.strip()[:80]!r} may decide, or back a decision",
                        facts={"trait": key, "value": value.strip()[:200]},
                    )
    yield from best.values()


def _suggestions(words: str) -> Iterator[tuple[str, float, str]]:
    leads = _LEADER.search(words) is not None
    if _LEGAL.search(words):
        yield LEGAL_AND_COMPLIANCE, 0.75, "must agree to contracts"
    elif _FINANCE.search(words) and leads:
        yield Role.ECONOMIC_BUYER, 0.7, "leads finance and holds budgets"
    elif _OWNER.search(_NOT_TOP.sub("", words)):
        yield Role.ECONOMIC_BUYER, 0.65, "runs the company"
    elif _PROCUREMENT.search(words):
        yield Role.ECONOMIC_BUYER, 0.5, "buys for the company"
    elif _TECHNOLOGY.search(words):
        yield TECHNICAL_EVALUATOR, 0.7 if leads else 0.5, "judges whether it works and is safe"
    else:
        yield from _by_rank(words)


def _by_rank(words: str) -> Iterator[tuple[str, float, str]]:
    if _FINANCE.search(words):
        yield Role.ECONOMIC_BUYER, 0.25, "works near the budget"
    if _is_top(words):
        yield Role.ECONOMIC_BUYER, 0.3, "may decide"
        yield EXECUTIVE_SPONSOR, 0.3, "may back a decision"
    elif _MANAGER.search(words):
        yield Role.CHAMPION, 0.45, "runs the daily work that a product is to improve"
    elif _WORKER.search(words):
        yield Role.END_USER, 0.45, "does the daily work that a product is for"


def _is_top(words: str) -> bool:
    return _TOP.search(_NOT_TOP.sub("", words)) is not None


def _words(text: str) -> str:
    """In lower case, its words parted by single spaces."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))
