"""What happens to a profile after the commit that touched it: roles, enrichment, upkeep; at least once, by lease."""

from cdp.settle.worker import Worker

__all__ = ["Worker"]
