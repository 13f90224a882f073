"""Runs the test suite that an SDK's wheel brings along against a server of ours, in a process of its own.

    python conformance.py PACKAGE URL KEY

The suites talk to https://api.segment.io with the key `testsecret`, both written into them. Their HTTP session gets an
adapter that carries such requests to URL with KEY instead; nothing else of the SDK or of its tests is touched. Some of
these tests measure fractions of a second, and fail on a busy machine: what fails is run again, a few times. Prints a
JSON object: how many tests ran, and which of them failed every time and why.
"""

from __future__ import annotations

import base64
import importlib
import json
import pkgutil
import sys
import unittest
import unittest.mock
import warnings
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

SUITE_HOST = "https://api.segment.io"
MORE_ROUNDS = 3
"""How often what failed is tried again."""
SUITE_KEY = base64.b64encode(b"testsecret:").decode()


class Redirected(HTTPAdapter):
    """Carries the suite's requests to our server."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__()
        self._url = url
        self._key = base64.b64encode(f"{key}:".encode()).decode()

    def send(self, request: PreparedRequest, *arguments: Any, **named: Any) -> Response:
        request.url = self._url + (request.url or "").removeprefix(SUITE_HOST)
        authorization = request.headers.get("Authorization", "")
        request.headers["Authorization"] = authorization.replace(SUITE_KEY, self._key)
        return super().send(request, *arguments, **named)


def main(package: str, url: str, key: str) -> None:
    """Run the suite of `package` and print what came of it."""
    sys.modules.setdefault("mock", unittest.mock)
    warnings.simplefilter("ignore")
    importlib.import_module(f"{package}.request")._session.mount(SUITE_HOST, Redirected(url, key))
    tests = importlib.import_module(f"{package}.test")
    names = [f"{package}.test.{module.name}" for module in pkgutil.iter_modules(tests.__path__)]
    first = run(names)
    failed = failures(first)
    for _ in range(MORE_ROUNDS):
        failed = failures(run(list(failed))) if failed else {}
    print(json.dumps({"ran": first.testsRun, "failed": failed}))


def failures(result: unittest.TestResult) -> dict[str, str]:
    """Why each test failed, by its name."""
    return {str(test.id()): trace for test, trace in [*result.failures, *result.errors]}


def run(names: list[str]) -> unittest.TestResult:
    """Run modules or single tests by name."""
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    return unittest.TextTestRunner(stream=sys.stderr).run(suite)


if __name__ == "__main__":
    main(*sys.argv[1:])
