"""Traits that providers contribute about a person's identifiers: asked for when due, kept with where they came from."""

from cdp.enrichment.apply import Asking, apply, expire, load

__all__ = ["Asking", "apply", "expire", "load"]
