"""Traits that providers contribute about people and accounts: asked for in order, within a budget, with provenance."""

from cdp.enrichment.apply import expire
from cdp.enrichment.enricher import Enricher
from cdp.enrichment.meter import forget_calls
from cdp.enrichment.providers import sources_of
from cdp.enrichment.queue import note, note_due_accounts

__all__ = ["Enricher", "expire", "forget_calls", "note", "note_due_accounts", "sources_of"]
