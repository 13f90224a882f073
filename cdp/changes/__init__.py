"""What plugins are told after a commit: compared with a portrait, kept until told, told in order and at least once."""

from cdp.changes.deliver import HOOKS, deliver_some
from cdp.changes.fading import fades_at
from cdp.changes.note import Drawn, faded, note
from cdp.changes.portrait import Portrait, portray

__all__ = ["HOOKS", "Drawn", "Portrait", "deliver_some", "faded", "fades_at", "note", "portray"]
