"""What plugins are told after a commit: compared with a portrait, kept until told, told in order and at least once."""

from cdp.changes.deliver import HOOKS, deliver_some
from cdp.changes.note import note
from cdp.changes.portrait import Portrait, portray

__all__ = ["HOOKS", "Portrait", "deliver_some", "note", "portray"]
