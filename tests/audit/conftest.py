"""An application with keys of every preset role, whose log is looked at."""

from __future__ import annotations

from tests.security.conftest import application, client, ours, theirs  # noqa: F401 - fixtures
