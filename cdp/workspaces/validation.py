"""What a workspace may set: ranges, and sentences that say how to mend what is outside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cdp.errors import BadInput
from cdp.model import Feature, WorkspaceSettings

DEFAULTS = WorkspaceSettings()

_RANGES: dict[str, tuple[float, float, str]] = {
    "half_life_days": (3, 365, " days"),
    "warm_score": (0, 1_000_000, " points"),
    "hot_score": (0, 1_000_000, " points"),
    "window_days": (1, 400, " days"),
    "dormant_days": (1, 400, " days"),
    "habitual_days": (1, 400, " active days"),
    "adopting_features": (1, 1_000, " features"),
    "qualified_adoption": (0, 1, ""),
    "qualified_score_below": (0, 1_000_000, " points"),
    "message_days": (31, 400, " days"),
    "retention_months": (1, 120, " months"),
}
_CURRENCY = re.compile(r"[A-Z]{3}\Z", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}\Z", re.ASCII)
_DOMAIN = re.compile(r"[^\s@/.]+(?:\.[^\s@/.]+)+\Z")
_LONGEST = 200
_MOST = 1_000


def changed_settings(current: WorkspaceSettings, changes: Mapping[str, Any]) -> WorkspaceSettings:
    """The settings with some of them replaced; None puts one back to its default.

    Raises:
        BadInput: an unknown setting, a value of the wrong type or out of range; `field` names the setting.
    """
    values = msgspec.structs.asdict(current)
    for name, value in changes.items():
        if name not in values:
            raise BadInput(
                f"There is no setting {name!r}; there are {', '.join(sorted(values))}.", field=(name,)
            )
        values[name] = getattr(DEFAULTS, name) if value is None else _normal(name, value)
    try:
        settings = msgspec.convert(values, WorkspaceSettings)
    except msgspec.ValidationError as error:
        raise _wrong_type(str(error)) from None
    _check(settings)
    return settings


def differing(settings: WorkspaceSettings) -> dict[str, Any]:
    """What differs from the defaults: all that is stored."""
    return {
        name: value
        for name, value in msgspec.structs.asdict(settings).items()
        if value != getattr(DEFAULTS, name)
    }


def checked_feature(feature: Feature) -> Feature:
    """A feature fit to be stored, with the spaces around its texts gone.

    Raises:
        BadInput: a text is empty or too long.
    """
    for name, longest in (("key", _LONGEST), ("name", _LONGEST), ("tip", 1_000)):
        text = getattr(feature, name)
        if name == "tip" and text is None:
            continue
        if not text.strip() or len(text) > longest or "\0" in text:
            raise BadInput(f"The {name} of a feature has 1 to {longest} characters.", field=(name,))
    tip = feature.tip.strip() if feature.tip is not None else None
    return Feature(key=feature.key.strip(), name=feature.name.strip(), tip=tip)


def _normal(name: str, value: Any) -> Any:
    """A value as it is compared: codes in upper case, domains in lower case, lists as tuples."""
    if name in {"default_currency", "default_country"} and isinstance(value, str):
        return value.strip().upper()
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        texts = (each.strip() for each in value)
        return tuple(dict.fromkeys(each.lower() if name == "free_mail_domains" else each for each in texts))
    return value


def _wrong_type(error: str) -> BadInput:
    said, _, path = error.partition(" - at `$.")
    name = re.split(r"[.\[`]", path)[0]
    return BadInput(f"The setting {name} cannot be read: {said[:1].lower()}{said[1:]}.", field=(name,))


def _check(settings: WorkspaceSettings) -> None:
    for name, (least, most, unit) in _RANGES.items():
        value = getattr(settings, name)
        if value is not None and not least <= value <= most:
            raise BadInput(
                f"{name} is {value:g}; choose from {least:g} to {most:,.0f}{unit}.",
                field=(name,),
            )
    if settings.warm_score > settings.hot_score:
        raise BadInput(
            f"warm_score ({settings.warm_score:g}) is above hot_score ({settings.hot_score:g}); "
            "lower the one or raise the other.",
            field=("warm_score",),
        )
    if settings.habitual_days > settings.window_days:
        raise BadInput(
            f"habitual_days ({settings.habitual_days}) is more than the {settings.window_days} days of window_days: "
            "nobody could ever be HABITUAL.",
            field=("habitual_days",),
        )
    if not _CURRENCY.match(settings.default_currency):
        raise BadInput("default_currency is a three-letter code, such as EUR.", field=("default_currency",))
    if not _COUNTRY.match(settings.default_country):
        raise BadInput("default_country is a two-letter code, such as DE.", field=("default_country",))
    for name in ("onboarding_steps", "disabled_plugins", "free_mail_domains"):
        texts = getattr(settings, name)
        if len(texts) > _MOST or any(not 0 < len(text) <= _LONGEST or "\0" in text for text in texts):
            raise BadInput(
                f"{name} is a list of at most {_MOST} names of 1 to {_LONGEST} characters.", field=(name,)
            )
    for domain in settings.free_mail_domains:
        if not _DOMAIN.match(domain):
            raise BadInput(
                f"{domain!r} is not a domain; write it like example.com.", field=("free_mail_domains",)
            )
