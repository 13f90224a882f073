"""What can be done of events before the database is asked: hashes, JSON, and their summaries.

It is done as they arrive, while PostgreSQL is at work on those that came before. Which nodes and accounts the events
hang on is not known yet: summaries are kept at stand-ins, and `placed` puts them where they belong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice

import msgspec
from msgspec import Struct

from cdp.lenses.fold import Folded, fold_events
from cdp.lenses.summaries import Summaries
from cdp.model import AccountId, Event, EventType, NodeId, Workspace
from cdp.model.ids import NO_ACCOUNT

_encode = msgspec.json.encode


class Prepared(Struct, frozen=True, kw_only=True):
    """Some events of one call, ready to be stored; the lists say something per event."""

    workspace: Workspace
    """Whose catalogue and settings classified them; with others they are to be prepared anew."""
    events: Sequence[Event]
    hashes: list[str]
    """md5 of the message ids, in hex."""
    properties: list[str]
    contexts: list[str]
    nodes: list[NodeId]
    """Stand-ins: equal where the events are certain to hang on the same node."""
    accounts: list[AccountId]
    """Stand-ins, but for 0, which is no account."""
    folded: Folded
    """By stand-ins."""


def prepare(events: Sequence[Event], workspace: Workspace) -> Prepared:
    """Do all that the events and the workspace suffice for."""
    known_nodes: dict[object, NodeId] = {}
    known_accounts: dict[str, AccountId] = {}
    nodes: list[NodeId] = []
    accounts: list[AccountId] = []
    for event in events:
        # Which identifier of an alias call is the strongest may depend on who is known already.
        who = event.identifiers if event.type is EventType.ALIAS else event.identifiers[0]
        nodes.append(known_nodes.setdefault(who, NodeId(len(known_nodes))))
        accounts.append(
            NO_ACCOUNT
            if event.account is None
            else known_accounts.setdefault(event.account.group_id, AccountId(len(known_accounts) + 1))
        )
    return Prepared(
        workspace=workspace,
        events=events,
        hashes=[
            hashlib.md5(event.message_id.encode(), usedforsecurity=False).hexdigest() for event in events
        ],
        properties=[_encode(event.properties).decode() for event in events],
        contexts=[_encode(event.context).decode() for event in events],
        nodes=nodes,
        accounts=accounts,
        folded=fold_events(zip(events, nodes, accounts, strict=True), workspace),
    )


def renewed(parts: Sequence[Prepared], fresh: Sequence[bool], workspace: Workspace) -> list[Prepared]:
    """The same parts without events that are stored already, and by today's catalogue; without empty parts."""
    renewed: list[Prepared] = []
    of_part = iter(fresh)
    for part in parts:
        wanted = list(islice(of_part, len(part.events)))
        if part.workspace is workspace and all(wanted):
            renewed.append(part)
        elif events := [event for event, is_fresh in zip(part.events, wanted, strict=True) if is_fresh]:
            renewed.append(prepare(events, workspace))
    return renewed


def placed(
    parts: Sequence[Prepared], node_of: Sequence[NodeId], account_of: Sequence[AccountId]
) -> Summaries:
    """The summaries of all parts together, now that the node and the account of each event are known."""
    whole = Summaries()
    start = 0
    for part in parts:
        end = start + len(part.events)
        nodes = dict(zip(part.nodes, node_of[start:end], strict=True))
        accounts = dict(zip(part.accounts, account_of[start:end], strict=True))
        whole.add(part.folded.summaries, (nodes, accounts))
        start = end
    return whole
