"""Tables of plugins' own: made from their SQL files in a schema apart, used by an own role, bound to the workspace."""

from cdp.tables.migrating import Made, apply, drop, lacking, schema_of, wanted
from cdp.tables.offered import PluginTables

__all__ = ["Made", "PluginTables", "apply", "drop", "lacking", "schema_of", "wanted"]
