"""What web pages say of who their visitors are: what of it is proven, and what a workspace does without proof.

A page's key can be read by anybody, who can then send in its place whatever he likes about whomever he likes. What
proves who a visitor is, is a token that the customer's own server has signed (cdp.access.visitors).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct
from msgspec.structs import replace

from cdp.errors import Unauthenticated
from cdp.identity.kinds import ANONYMOUS_ID, USER_ID, Kinds, normalise
from cdp.ingest.results import Checked, Refusal, Remark
from cdp.model import Event, EventType, Identifier, Workspace, WorkspaceId

if TYPE_CHECKING:
    from cdp.access.visitors.token import VisitorToken

TOKEN = "visitorToken"  # noqa: S105 - the key of an event's context that a token stands under; it is never stored

UNPROVEN = "UNPROVEN"
INVALID_TOKEN = "INVALID_VISITOR_TOKEN"  # noqa: S105 - a code

_IGNORED = Remark(
    code=UNPROVEN,
    message="This names the person, or their group, without a visitor token that proves it, which this workspace "
    "demands of web pages; the names are ignored.",
)
_NAMES_NOBODY = (
    "This names a person, or their group, without a visitor token that proves it, which this workspace demands of web "
    "pages; and nothing else is left that it could be about."
)


class Page(Struct, frozen=True):
    """That a batch came with a key that anybody can read."""

    token: str | None = None
    """The visitor's, for every event that has none of its own."""


class Visitors(Protocol):
    """Reads visitors' tokens; cdp.access.visitors.VisitorBearer does."""

    async def prove(
        self, workspace_id: WorkspaceId, token: str, *, used_for: str, at: datetime
    ) -> VisitorToken:
        """What a token proves; raises Unauthenticated where it is no good."""


class _Proof(Struct, frozen=True):
    identifiers: tuple[Identifier, ...] = ()
    groups: frozenset[str] = frozenset()
    remark: Remark | None = None
    """Why it proves nothing."""
    once: bool = False


_NONE = _Proof()

Indexed = tuple[int, Checked]


class Prover:
    """Judges what pages sent."""

    def __init__(self, visitors: Visitors | None, kinds: Kinds) -> None:
        """Make it; without `visitors` there is no proof of anything."""
        self._visitors = visitors
        self._kinds = kinds

    async def judge(
        self, workspace: Workspace, checked: Sequence[Indexed], page: Page, at: datetime
    ) -> tuple[list[Indexed], list[tuple[int, Refusal]]]:
        """The items with what is proven of them; and those of which nothing may be taken, where proof is demanded.

        Args:
            workspace: theirs.
            checked: items of one request, by index; their events are `proven=()`.
            page: that it was one, and the token of its visitor.
            at: when they came.

        Raises:
            Unavailable: tokens cannot be looked at now.
        """
        demanded = workspace.settings.visitor_proof_required
        known: dict[str, _Proof] = {}
        left: list[Indexed] = []
        refused: list[tuple[int, Refusal]] = []
        for index, item in checked:
            proof = _NONE
            if token := item.token or page.token:
                proof = known.get(token) or await self._prove(workspace, token, item.event.message_id, at)
                if not proof.once:
                    known[token] = proof
            judged = _judged(item, proof)
            if demanded and (better := _as_demanded(judged, proof)) is not judged:
                if better is None:
                    refused.append((index, Refusal(code=UNPROVEN, message=_NAMES_NOBODY)))
                    continue
                judged = better
            left.append((index, judged))
        return left, refused

    async def _prove(self, workspace: Workspace, token: str, message_id: str, at: datetime) -> _Proof:
        if self._visitors is None:
            return _NONE
        try:
            said = await self._visitors.prove(workspace.workspace_id, token, used_for=message_id, at=at)
        except Unauthenticated as error:
            return _Proof(
                remark=Remark(code=INVALID_TOKEN, message=error.message, field=("context", TOKEN)), once=True
            )
        country = workspace.settings.default_country
        found = (normalise(self._kinds, kind, value, country) for kind, value in said.identifiers)
        return _Proof(
            identifiers=tuple(dict.fromkeys(one for one in found if one is not None)),
            groups=frozenset(said.groups),
            once=said.once is not None,
        )


def _judged(item: Checked, proof: _Proof) -> Checked:
    if proof is _NONE:
        return item
    remarks = item.remarks if proof.remark is None else (*item.remarks, proof.remark)
    return Checked(event=replace(item.event, proven=proof.identifiers), remarks=remarks)


def _as_demanded(item: Checked, proof: _Proof) -> Checked | None:
    """Without what is not proven; None: nothing is left.

    A browser's anonymous id is its own: nobody else knows it.
    """
    event = item.event
    taken = tuple(one for one in event.identifiers if one.kind == ANONYMOUS_ID or one in proof.identifiers)
    foreign = event.account is not None and event.account.group_id not in proof.groups
    if len(taken) == len(event.identifiers) and not foreign and event.type is not EventType.ALIAS:
        return item
    if not taken or (foreign and event.type is EventType.GROUP) or _renames_somebody(event, taken):
        return None
    return Checked(
        event=replace(
            event,
            identifiers=taken,
            unproven=tuple(one for one in event.identifiers if one not in taken),
            account=None if foreign else event.account,
        ),
        remarks=(*item.remarks, _IGNORED),
    )


def _renames_somebody(event: Event, taken: Sequence[Identifier]) -> bool:
    """Whether it is an alias call of nobody who is proven: the id that it replaces may be anybody's user id."""
    return event.type is EventType.ALIAS and not any(one.kind == USER_ID for one in taken)
