"""What a plugin is given to use its own tables with, and to start its own jobs with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Tables(Protocol):
    """The plugin's own tables, as the workspace has them: rows of others are not there."""

    async def fetch(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """Rows, at most 10,000, as dicts by column; the statement may also change rows and say `RETURNING`.

        Each statement is a transaction of its own and may take two seconds. Arguments stand for `$1`, `$2`, … A column
        `workspace_id` is filled by itself, and need not be asked for.

        Raises:
            TablesFailed: it was refused or failed; nothing of it was kept.
        """

    async def execute(self, statement: str, *arguments: Any) -> int:
        """How many rows a statement changed; otherwise as `fetch`."""


class Jobs(Protocol):
    """The plugin's own jobs, to be started on behalf of the workspace."""

    async def start(
        self,
        name: str,
        *,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - what a job calls it
        key: str | None = None,
    ) -> int:
        """Have one of the plugin's jobs done; its id. Of two unfinished jobs with one `key` there is only the first.

        Raises:
            NotFound: the plugin has no such job.
            BadInput: the input does not fit it.
        """
