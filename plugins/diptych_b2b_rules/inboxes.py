"""Addresses that many people read, and write from."""

from __future__ import annotations

from collections.abc import Iterable

from cdp.model import Identifier, IdentityRule, LinkCandidate

_LOCAL_PARTS = (
    *("info", "contact", "hello", "office", "mail", "team", "enquiries", "inquiries", "kontakt", "contacto"),
    *("support", "help", "helpdesk", "service", "customerservice", "care", "feedback"),
    *("sales", "marketing", "press", "media", "partners", "events", "newsletter"),
    *("admin", "administrator", "webmaster", "postmaster", "hostmaster", "root", "it", "security", "abuse"),
    *("billing", "accounts", "accounting", "finance", "invoices", "orders", "purchasing", "procurement"),
    *("hr", "jobs", "careers", "recruiting", "legal", "privacy", "compliance", "reception"),
    *("noreply", "no-reply", "donotreply", "do-not-reply"),
)
"""Those of RFC 2142, and what companies call theirs."""

REASON = "The address is a shared inbox: who writes from it may be anybody there."

RULE = IdentityRule(
    name="shared_inbox",
    reason=REASON,
    kind="email",
    pattern=rf"(?:{'|'.join(_LOCAL_PARTS)})(?:\+[^@]*)?@.*",
)


class Shared:
    """The addresses that a workspace knows to be shared."""

    def __init__(self, given: Iterable[str]) -> None:
        names = [one.strip().lower() for one in given]
        self._whole = {one for one in names if "@" in one}
        self._local = {one for one in names if "@" not in one}

    def speaks_of(self, link: LinkCandidate) -> bool:
        """Whether one of the two is shared."""
        return self._holds(link.one) or self._holds(link.other)

    def _holds(self, identifier: Identifier) -> bool:
        return identifier.kind == "email" and (
            identifier.value in self._whole or identifier.value.rpartition("@")[0] in self._local
        )
