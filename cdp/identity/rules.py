"""Identity rules that plugins registered: which pairs of identifiers are never linked by themselves."""

from __future__ import annotations

import re

from msgspec import Struct

from cdp.hooks.manager import Plugins
from cdp.model import Identifier, IdentityRule, LinkCandidate, LinkVeto, Workspace


class _Compiled(Struct, frozen=True):
    plugin: str
    rule: IdentityRule
    pattern: re.Pattern[str]

    def speaks_of(self, one: Identifier, other: Identifier) -> bool:
        rule = self.rule
        return (
            one.kind == rule.kind
            and (not rule.never_with or other.kind in rule.never_with)
            and self.pattern.fullmatch(one.value) is not None
        )


class RuleSet(Struct, frozen=True):
    """The rules that hold in one workspace."""

    rules: tuple[_Compiled, ...]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.rules)

    def veto(self, link: LinkCandidate) -> LinkVeto | None:
        """The first rule that speaks against a link, in the order of loading; None: none does."""
        for one in self.rules:
            if one.speaks_of(link.one, link.other) or one.speaks_of(link.other, link.one):
                return LinkVeto(link.one, link.other, one.rule.reason, one.plugin)
        return None


class Rules:
    """The rules of one process's plugins, compiled once."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._compiled: dict[int, _Compiled] = {}

    def of(self, workspace: Workspace) -> RuleSet:
        """Those of the plugins that are turned on there."""
        on = {one.plugin for one in self._plugins.calls.asked("register_identity_rules", workspace)}
        if not on:
            return _NONE
        return RuleSet(
            tuple(
                self._compile(plugin, rule)
                for plugin, rule in self._plugins.registered("register_identity_rules")
                if plugin in on
            )
        )

    def _compile(self, plugin: str, rule: IdentityRule) -> _Compiled:
        # The rule is kept in what was compiled, so that its id cannot become another's.
        if (known := self._compiled.get(id(rule))) is None:
            known = self._compiled[id(rule)] = _Compiled(plugin, rule, re.compile(rule.pattern))
        return known


_NONE = RuleSet(())
