"""What is going on, told to whoever watches: figures always, traces where they are wanted.

The code says `with stage("flush.identity"):` around what takes time and `count("plans", "hit")` where something is
worth counting. Who is told is not its business: the entry points (a request, a flush, the worker) say it with
`watched_by`, and it holds for all that happens within. Nobody watches a command line, and then both cost next to
nothing.
"""

from cdp.telemetry.errors import described
from cdp.telemetry.redaction import redacted, wordless
from cdp.telemetry.watching import Here, Watch, count, here, stage, took, watched_by

__all__ = [
    "Here",
    "Watch",
    "count",
    "described",
    "here",
    "redacted",
    "stage",
    "took",
    "watched_by",
    "wordless",
]
