"""Pages of other origins read the answers to visitors' tokens, and those to nobody else."""

from __future__ import annotations

from tests.access.visitors.conftest import OWN, Site

ORIGIN = {"Origin": "https://shop.example"}


async def test_a_page_elsewhere_reads_what_its_visitor_is_answered(site: Site) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = await site.client.options("/graphql", headers={**ORIGIN, **asked})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    answer = await site.post(OWN, site.token("ann"), **ORIGIN)
    assert answer.json() == {"data": {"visitor": None}}
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_page_elsewhere_reads_why_its_visitor_is_refused(site: Site) -> None:
    """To have another token signed, it must know that this one has expired."""
    old = site.token("ann", now=site.clock.now.replace(year=2025))
    answer = await site.post(OWN, old, **ORIGIN)
    assert answer.status_code == 401
    assert "expired" in answer.json()["errors"][0]["message"]
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_page_elsewhere_reads_nothing_with_a_key(site: Site) -> None:
    for token in (site.keys["ADMIN"], site.keys["INGEST"], None):
        answer = await site.post("{ __typename }", token, **ORIGIN)
        assert "access-control-allow-origin" not in answer.headers
