"""What a plugin adds to GraphQL, HTTP and the command line."""

from __future__ import annotations

from typing import Protocol

from cdp.hooks.markers import hookspec
from cdp.model import Command, GraphField, GraphMutation, GraphQuery, Route


class ExtendingHooks(Protocol):
    """Hooks that extend the surface of the core."""

    @hookspec
    def register_fields(self) -> list[GraphField]:
        """Add typed fields to Profile, Account and Membership.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected. A name that the core or another
        plugin has already is an error that stops the start and names both. Return the fields: each is the value of a
        trait, or has a function that is called once for all objects of a list, with what it requires of them. If the
        hook fails, the plugin is not loaded; if a function fails, the field is null and one error names the plugin.
        Since 0.2.
        """

    @hookspec
    def register_queries(self) -> list[GraphQuery]:
        """Add fields to Query.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected, as `register_fields`. Return the
        queries, each with its arguments, the scopes that it takes, and a function. If the hook fails, the plugin is
        not loaded; if a function fails, the field is null and an error names the plugin.
        Since 0.2.
        """

    @hookspec
    def register_mutations(self) -> list[GraphMutation]:
        """Add fields to Mutation.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected, as `register_fields`. Return the
        mutations, each with its input, the scopes that it takes, and a function, which answers with a result and with
        events that the core takes in. If the hook fails, the plugin is not loaded; if a function fails, nothing is
        taken in, the field is null and an error names the plugin.
        Since 0.2.
        """

    @hookspec
    def register_routes(self) -> list[Route]:
        """Answer HTTP requests under `/plugins/<plugin>/`.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected; two routes of one plugin have two
        addresses. Return the routes, each with who may ask, and a function from request to answer, which may have the
        core take in events. If the hook fails, the plugin is not loaded; if a function fails, nothing is taken in, and
        the answer is 502.
        Since 0.2.
        """

    @hookspec
    def register_commands(self) -> list[Command]:
        """Add commands: `cdp <plugin> <command> --workspace NAME`.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected; two commands of one plugin have
        two names. Return the commands, each with its options and a function. If the hook fails, the plugin is not
        loaded; if a function fails, the command ends with status 1.
        Since 0.2.
        """
