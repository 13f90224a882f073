"""What a browser reads with a visitor's token: the visitor's own, whatever others have said with the page's key."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.errors import Forbidden
from cdp.graphql.schema import build_schema
from cdp.graphql.visitor import check_visitor
from cdp.model import WorkspaceId
from tests.access.visitors.conftest import Site, identify, new_secret, track


def order(number: int = 1, **who: Any) -> dict[str, Any]:
    return track("Order Completed", properties={"order_id": f"o{number}", "total": 10}, **who)


async def purchases(site: Site, token: str) -> int | None:
    """Of the visitor; None: the visitor reads nothing."""
    own = await site.visitor(token)
    return None if own is None else own["buyerIntent"]["purchaseCount"]


async def test_a_visitor_reads_what_is_their_own(site: Site) -> None:
    await site.server(order(userId="ann"), track("Feature Used", userId="ann"), order(2, userId="bob"))
    own = await site.visitor(site.token("ann"))
    assert own["buyerIntent"]["purchaseCount"] == 1
    assert own["usage"]["activeDays"] == 1
    assert await site.visitor(site.token("nobody")) is None


async def test_a_visitor_is_shown_what_was_chosen_for_them_from_both_panels(site: Site) -> None:
    """The choice, and neither what it was made from nor what else there was."""
    await site.admin(
        """mutation {
          personalisationSlotDefine(input: {name: "hero", fallback: {title: "Hello"}}) { userErrors { message } }
          personalisationVariantSet(input: {slot: "hero", name: "buyers", content: {title: "Thanks"}, lens: INTENT,
            audience: {buyerIntent: {score: {gt: 0}}}}) { userErrors { message } }
        }"""
    )
    await site.server(order(userId="ann"), track("Feature Used", userId="bob"))
    document = '{ visitor { personalisation(slot: "hero") { variant content tracking } } }'
    ann, bob = [await site.visitor(site.token(one), document) for one in ("ann", "bob")]
    assert ann["personalisation"] == {
        "variant": "buyers",
        "content": {"title": "Thanks"},
        "tracking": {
            "event": "Personalisation Shown",
            "properties": {"slot": "hero", "variant": "buyers"},
        },
    }
    assert bob["personalisation"]["content"] == {"title": "Hello"}


async def test_a_visitor_s_token_opens_no_other_field_of_the_roots(site: Site) -> None:
    """Whatever the schema has, plugins' fields too."""
    await site.server(order(userId="ann"))
    token = site.token("ann")
    schema = build_schema(site.application.plugins).graphql_schema
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    names = {name for root in roots if root is not None for name in root.fields} - {"visitor"}
    principal = await site.application.authenticator.authenticate(token)
    for name in names:
        with pytest.raises(Forbidden):
            check_visitor(principal, frozenset({name, "visitor", "__typename"}))
    for document in (
        "{ visitor { usage { phase } } profiles { totalCount } }",
        "{ visitor { usage { phase } } ...More } fragment More on Query { accounts { totalCount } }",
        "query { ... on Query { workspace { name } } }",
        'mutation { keyRevoke(input: {id: "x"}) { userErrors { message } } }',
    ):
        assert await site.codes(document, token) == ["FORBIDDEN"]


async def test_a_visitor_s_token_sends_no_events(site: Site) -> None:
    for header in ({"X-Write-Key": site.token("ann")}, {"Authorization": f"Bearer {site.token('ann')}"}):
        response = await site.client.post("/v1/track", json=order(userId="ann"), headers=header)
        assert response.status_code == 403
    assert await site.people() == set()


async def test_the_visitor_is_nobody_s_but_the_visitor_s(site: Site) -> None:
    await site.server(order(userId="ann"))
    for key in site.keys.values():
        assert await site.codes("{ visitor { usage { phase } } }", key) == ["FORBIDDEN"]


async def test_a_browser_s_own_id_reads_nothing_of_who_is_named(site: Site) -> None:
    """Anybody may say of any browser whose it is; what is then seen looks as if nothing had been there."""
    await site.server(order(userId="ann"), track("Feature Used", anonymousId="b1"))
    token = site.token("b1", kind="anonymous_id")
    assert (await site.visitor(token))["usage"]["activeDays"] == 1
    await site.page(identify(userId="ann", anonymousId="b1"))
    assert await site.visitor(token) is None
    assert await site.visitor(site.token("b2", kind="anonymous_id")) is None


async def test_nobody_reads_of_others_by_saying_that_they_are_the_same(site: Site) -> None:
    """Eve has a token of her own, and the page's key."""
    await site.server(order(userId="eve"), *(order(9, anonymousId="s1", context=_mail("ann@acme.com")),))
    eve = site.token("eve")
    said: list[tuple[dict[str, Any], dict[str, str]]] = [
        (identify(userId="eve", traits={"email": "ann@acme.com"}), {}),
        (identify(userId="eve", traits={"email": "ann@acme.com"}), {"X-Visitor-Token": eve}),
        (identify(anonymousId="b1", traits={"email": "ann@acme.com"}), {}),
        (identify(userId="eve", anonymousId="b1"), {"X-Visitor-Token": eve}),
        ({"type": "alias", "userId": "eve", "previousId": "b1"}, {"X-Visitor-Token": eve}),
    ]
    for item, headers in said:
        await site.page(item, **headers)
        assert await purchases(site, eve) == 1, item


async def test_nobody_reads_of_others_by_having_named_them_before_they_came(site: Site) -> None:
    """Eve names Ann's address as her own before Ann is known; what is then known of Ann is not Eve's to read."""
    await site.page(identify(userId="eve", traits={"email": "ann@acme.com"}))
    await site.server(order(9, anonymousId="s1", context=_mail("ann@acme.com")))
    assert await purchases(site, site.token("eve")) is None
    assert await purchases(site, site.token("ann@acme.com", kind="email")) is None
    # The site's server says that it is so.
    await site.server(identify(userId="eve", traits={"email": "ann@acme.com"}))
    assert await purchases(site, site.token("eve")) == 1


async def test_nobody_reads_of_others_by_the_id_of_their_device(site: Site) -> None:
    """Advertisers know it, and so do other apps."""
    device = {"context": {"device": {"id": "d1"}}}
    await site.page(order(9, anonymousId="b1", **device))
    assert await purchases(site, site.token("d1", kind="device_id")) is None
    await site.page(track("Feature Used", anonymousId="b2"), track("Feature Used", userId="eve"))
    for kind, value, who in (
        ("anonymous_id", "b2", {"anonymousId": "b2"}),
        ("user_id", "eve", {"userId": "eve"}),
    ):
        assert await purchases(site, site.token(value, kind=kind)) == 0
        await site.page(track("Feature Used", **who, **device))
        assert await purchases(site, site.token(value, kind=kind)) is None
    await site.server(track("Feature Used", userId="eve", **device))
    assert await purchases(site, site.token("eve")) == 1


async def test_nobody_keeps_a_visitor_from_reading_where_proof_is_demanded(site: Site) -> None:
    """Elsewhere whoever knows a user id can: what he names with it may be another's."""
    await site.demand_proof()
    await site.server(order(userId="ann"))
    for traits in ({"email": "eve@acme.com"}, {"phone": "+442079460958"}):
        await site.page(identify(userId="ann", anonymousId="b9", traits=traits))
        await site.page(order(2, userId="ann", anonymousId="b9"))
    assert await purchases(site, site.token("ann")) == 1


async def test_what_a_visitor_proves_about_themselves_is_theirs_to_read(site: Site) -> None:
    await site.server(order(9, anonymousId="s1", context=_mail("ann@acme.com")))
    token = site.token("ann", also={"email": "Ann@Acme.com"})
    await site.page(
        identify(userId="ann", anonymousId="b1", traits={"email": "ann@acme.com"}),
        **{"X-Visitor-Token": token},
    )
    assert await purchases(site, site.token("ann")) == 1
    assert await purchases(site, site.token("ann@acme.com", kind="email")) == 1


async def test_workspaces_do_not_know_each_other_s_visitors(site: Site, other_workspace: WorkspaceId) -> None:
    await site.server(order(userId="ann"))
    theirs = await new_secret(site.application.database, other_workspace)
    assert await site.visitor(site.token("ann", secret=theirs)) is None


def _mail(address: str) -> dict[str, Any]:
    return {"traits": {"email": address}}


async def test_a_token_of_what_is_no_identifier_finds_nobody(site: Site) -> None:
    for value, kind in (("null", "user_id"), ("nobody", "email"), ("x", "never_heard_of")):
        assert await site.visitor(site.token(value, kind=kind)) is None
