"""Plugins: what they can hook into (`specs`), and how the core loads and calls them.

A plugin needs `hookimpl` from here and the values of `cdp.model`, nothing else.
"""

from cdp.hooks.specs import Hooks, hookimpl

__all__ = ["Hooks", "hookimpl"]
