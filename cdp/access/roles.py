"""Roles that a workspace defines besides the presets: scopes under a name, which keys and tokens have.

Nobody hands out what they have not got: not by a role, not by a key of a role, not by the token of a rotated key.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime

from msgspec import Struct

from cdp.access.principals import Principal
from cdp.access.scopes import GRANTABLE, SCOPES, KeyRole, Scopes, preset_scopes
from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.errors import BadInput, Conflict, Forbidden, NotFound
from cdp.model import WorkspaceId

queries = load_queries("cdp.access", "store.sql")

MOST_ROLES = 200
"""Of its own that a workspace may have."""
MOST_SCOPES = 100
_LONGEST_DESCRIPTION = 500

_NAME = re.compile(r"[A-Z][A-Z0-9_]{1,39}")
_OF_PLUGIN = re.compile(r"plugin:[a-z][a-z0-9_-]{0,63}:read")
"""What a plugin's label takes; the plugin need not be loaded here."""


class AccessRole(Struct, frozen=True, kw_only=True):
    """A role: a preset, or one of the workspace's own."""

    name: str
    description: str
    scopes: Scopes
    keys: int = 0
    """How many of the workspace's own have it that are not revoked; of presets this is not counted."""
    created_at: datetime | None = None
    changed_at: datetime | None = None

    @property
    def preset(self) -> bool:
        """Whether every workspace has it, and none can change it."""
        return self.name in KeyRole.__members__


PRESETS = tuple(
    AccessRole(name=role.value, description=description, scopes=SCOPES[role])
    for role, description in {
        KeyRole.ADMIN: "Everything.",
        KeyRole.SALES: "Buyer intent and personal data.",
        KeyRole.SUPPORT: "Usage and personal data.",
        KeyRole.MARKETING: "Both panels, without personal data.",
        KeyRole.INGEST: "Sends events, and nothing else; its keys may be public.",
        KeyRole.PARTNER: "Sends events, and reads profiles without panels or personal data.",
    }.items()
)
"""The roles that every workspace has."""


async def list_roles(connection: Connection, workspace_id: WorkspaceId) -> list[AccessRole]:
    """The presets, then the workspace's own by name."""
    rows = await connection.fetch(queries.list_roles, workspace_id)
    return [*PRESETS, *(AccessRole(**{**row, "scopes": frozenset(row["scopes"])}) for row in rows)]


async def define_role(
    connection: Connection,
    granter: Principal,
    *,
    name: str,
    scopes: Iterable[str],
    description: str = "",
    now: datetime,
) -> AccessRole:
    """Make a role, or change what it may do: for every key and token that has it, within a second.

    Args:
        connection: in a transaction of the granter's workspace.
        granter: who does it; it may hand out no more than it has.
        name: 2 to 40 capital letters, digits and `_`, that are no preset's.
        scopes: what it grants.
        description: what it is for.
        now: the time.

    Raises:
        BadInput: the name or a scope is none, or there are too many roles.
        Forbidden: the granter lacks one of the scopes that the role did not have before.
    """
    name = _checked_name(name)
    wanted = read_scopes(scopes)
    description = description.strip()
    if len(description) > _LONGEST_DESCRIPTION or not description.isprintable():
        raise BadInput(
            f"A description has at most {_LONGEST_DESCRIPTION} printable characters.", field=("description",)
        )
    before = await connection.fetchval(queries.role_for_update, granter.workspace_id, name)
    check_granted(granter, wanted - frozenset(before or ()), field=("scopes",))
    if before is None and await connection.fetchval(queries.count_roles, granter.workspace_id) >= MOST_ROLES:
        raise BadInput(f"A workspace has at most {MOST_ROLES} roles of its own; remove one that nobody has.")
    await connection.execute(queries.put_role, granter.workspace_id, name, description, sorted(wanted), now)
    rows = await connection.fetch(queries.list_roles, granter.workspace_id)
    return next(
        AccessRole(**{**row, "scopes": frozenset(row["scopes"])}) for row in rows if row["name"] == name
    )


async def remove_role(connection: Connection, workspace_id: WorkspaceId, name: str) -> None:
    """Take a role of the workspace's own away. Tokens of issuers that name it get nothing by it from then on.

    Raises:
        BadInput: it is a preset.
        NotFound: the workspace has no such role.
        Conflict: keys have it.
    """
    if preset_scopes(name) is not None:
        raise BadInput("A preset cannot be removed.", field=("name",))
    if (
        not _NAME.fullmatch(name)
        or await connection.fetchval(queries.role_for_update, workspace_id, name) is None
    ):
        raise NotFound(f"There is no role {name[:80]!r} in this workspace.")
    keys = [str(row["key_id"]) for row in await connection.fetch(queries.keys_of_role, workspace_id, name)]
    if keys:
        shown = ", ".join(keys[:10]) + (", …" if len(keys) > 10 else "")
        raise Conflict(f"Keys have this role; revoke them, or give them another one: {shown}.")
    await connection.execute(queries.remove_role, workspace_id, name)


async def scopes_of_role(connection: Connection, workspace_id: WorkspaceId, role: str) -> tuple[str, Scopes]:
    """The exact name of a role and what it grants; one of the workspace's own stays until the transaction ends.

    Raises:
        BadInput: there is no such role.
    """
    name = role.strip().upper()
    preset = preset_scopes(name)
    if preset is not None:
        return name, preset
    # What is no name may hold what no database does.
    own = await connection.fetchval(queries.role, workspace_id, name) if _NAME.fullmatch(name) else None
    if own is None:
        presets = ", ".join(KeyRole)
        raise BadInput(
            f"{role[:80]!r} is not a role of keys; choose one of {presets}, or one that the workspace defines.",
            field=("role",),
        )
    return name, frozenset(own)


def check_granted(granter: Principal, scopes: Collection[str], *, field: tuple[str, ...] = ()) -> None:
    """Do nothing if the granter has all of these scopes itself; who has all of ours has those of plugins' labels too.

    Raises:
        Forbidden: it lacks one.
    """
    everything = granter.scopes >= GRANTABLE
    for scope in sorted(scopes):
        if scope not in granter.scopes and not (everything and _OF_PLUGIN.fullmatch(scope)):
            raise Forbidden(
                f"Nobody can hand out what they have not got: this needs the scope {scope}.", field=field
            )


def read_scopes(texts: Iterable[str]) -> Scopes:
    """Scopes that a role may grant.

    Raises:
        BadInput: one of them is none, or they are too many.
    """
    found = set()
    for index, text in enumerate(texts):
        if text not in GRANTABLE and not _OF_PLUGIN.fullmatch(text):
            raise BadInput(
                f"{text[:80]!r} is not a scope that a role may grant; choose among {', '.join(sorted(GRANTABLE))}, "
                "and plugin:LABEL:read for labels of plugins.",
                field=("scopes", str(index)),
            )
        found.add(text)
    if len(found) > MOST_SCOPES:
        raise BadInput(f"A role grants at most {MOST_SCOPES} scopes.", field=("scopes",))
    return frozenset(found)


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadInput(
            "Name the role with 2 to 40 capital letters, digits and `_`, a letter first, like SALES_EMEA.",
            field=("name",),
        )
    if preset_scopes(name) is not None:
        raise BadInput(f"{name} is a preset, and cannot be changed.", field=("name",))
    return name
