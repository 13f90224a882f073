"""Secrets of visitors' tokens, over GraphQL."""

from __future__ import annotations

from typing import Any

from cdp.access.visitors import NewSecret
from tests.access.visitors.conftest import OWN, Site, track

CREATE = (
    'mutation { visitorSecretCreate(input: {name: "shop"}) { key secret { id kid } userErrors { message } } }'
)
ROTATE = """mutation {{ visitorSecretRotate(input: {{id: "{id}", overlap: "PT0S"}}) {{
  key secret {{ id kid name }} userErrors {{ message }} }} }}"""
REVOKE = """mutation {{ visitorSecretRevoke(input: {{id: "{id}"}}) {{
  secret {{ revokedAt }} userErrors {{ message }} }} }}"""


def made(payload: dict[str, Any]) -> NewSecret:
    return NewSecret(secret_id=0, kid=payload["secret"]["kid"], secret=payload["key"])


async def test_administrators_make_rotate_and_revoke_secrets(site: Site) -> None:
    await site.server(track("Feature Used", userId="ann"))
    first = (await site.admin(CREATE))["visitorSecretCreate"]
    assert await site.visitor(site.token("ann", secret=made(first))) is not None
    second = (await site.admin(ROTATE.format(id=first["secret"]["id"])))["visitorSecretRotate"]
    assert second["secret"]["name"] == "shop"
    assert await site.visitor(site.token("ann", secret=made(second))) is not None
    revoked = (await site.admin(REVOKE.format(id=second["secret"]["id"])))["visitorSecretRevoke"]
    assert revoked["secret"]["revokedAt"] is not None
    listed = (await site.admin("{ visitorSecrets { name endsAt revokedAt } }"))["visitorSecrets"]
    assert [(one["endsAt"] is None, one["revokedAt"] is None) for one in listed] == [
        (True, True),
        (False, True),
        (True, False),
    ]
    again = (await site.admin(ROTATE.format(id=second["secret"]["id"])))["visitorSecretRotate"]
    assert (again["key"], len(again["userErrors"])) == (None, 1)


async def test_what_was_done_with_secrets_is_in_the_audit_log_and_they_are_not(site: Site) -> None:
    key = (await site.admin(CREATE))["visitorSecretCreate"]["key"]
    log = await site.post("{ auditLog { nodes { act detail } } }", site.keys["ADMIN"])
    (entry,) = [one for one in log.json()["data"]["auditLog"]["nodes"] if one["act"] == "visitorSecretCreate"]
    assert entry["detail"]["name"] == "shop"
    assert key not in log.text


async def test_a_visitor_reads_nothing_with_a_secret_itself(site: Site) -> None:
    for token in (site.secret.secret, site.secret.kid):
        assert (await site.post(OWN, token)).status_code == 401
