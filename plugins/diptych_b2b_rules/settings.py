"""What a workspace may set about rules of selling to companies."""

from __future__ import annotations

from msgspec import Struct


class B2BSettings(Struct, frozen=True, kw_only=True):
    """What is shared, and where people say for whom they work."""

    shared_inboxes: tuple[str, ...] = ()
    """Further shared addresses: whole ones, `events@acme.com`, or what stands before the @, `welcome`."""
    company_fields: tuple[str, ...] = ("company.domain", "company_domain", "companyDomain", "company.website")
    """Traits that may hold the domain or web site of the company, first one first."""
