"""What a migration takes away from servers that were made before it."""

from __future__ import annotations

from typing import Any

from pglast import ast, parse_sql
from pglast.enums import AlterTableType, ConstrType, ObjectType

_NOTICED = {
    ObjectType.OBJECT_TABLE,
    ObjectType.OBJECT_VIEW,
    ObjectType.OBJECT_FUNCTION,
    ObjectType.OBJECT_TYPE,
    ObjectType.OBJECT_SEQUENCE,
    ObjectType.OBJECT_SCHEMA,
}


def taken_away(sql: str) -> list[str]:
    """In words, each thing that an older server may miss, or that keeps it waiting; new tables are nobody's yet."""
    found: list[str] = []
    made: set[str] = set()
    for raw in parse_sql(sql):
        match raw.stmt:
            case ast.CreateStmt(relation=relation):
                made.add(relation.relname)
            case ast.DropStmt(removeType=kind, objects=objects) if kind in _NOTICED:
                names = [_name(one) for one in objects]
                found += [f"drops {name}" for name in names if name not in made]
            case ast.RenameStmt(relation=relation, subname=column) if relation.relname not in made:
                found.append(
                    f"renames {column} of {relation.relname}" if column else f"renames {relation.relname}"
                )
            case ast.AlterTableStmt(relation=relation, cmds=commands) if relation.relname not in made:
                found += [f"{relation.relname}: {said}" for one in commands if (said := _said(one))]
            case ast.IndexStmt(relation=relation, concurrent=concurrent) if (
                relation.relname not in made and not concurrent
            ):
                found.append(f"{relation.relname}: an index that keeps writers out while it is built")
    return found


def _name(node: Any) -> str:
    names = node.objname if isinstance(node, ast.ObjectWithArgs) else getattr(node, "names", node)
    return ".".join(part.sval for part in names)


def _said(command: Any) -> str | None:
    match command.subtype:
        case AlterTableType.AT_DropColumn:
            return f"drops {command.name}"
        case AlterTableType.AT_AlterColumnType:
            return f"changes the type of {command.name}"
        case AlterTableType.AT_SetNotNull:
            return f"{command.name} must not be null any more"
        case AlterTableType.AT_AddConstraint:
            return "adds a constraint"
        case AlterTableType.AT_AddColumn:
            kinds = {one.contype for one in command.def_.constraints or ()}
            if ConstrType.CONSTR_NOTNULL in kinds and ConstrType.CONSTR_DEFAULT not in kinds:
                return f"{command.def_.colname} has no default"
    return None
