"""Who is a power user."""

ROLES = """{ profile(identifier: {kind: "user_id", value: "ada"}) {
  memberships { nodes { roles { role source evidence { reason } } } } } }"""


def use(*features):
    return [
        {"type": "track", "userId": "ada", "event": "Feature Used", "properties": {"feature": feature}}
        for feature in features
    ]


def roles(query):
    (membership,) = query(ROLES)["profile"]["memberships"]["nodes"]
    return [
        (one["role"], one["evidence"][0]["reason"])
        for one in membership["roles"]
        if one["source"] == "sample_plugin"
    ]


def test_three_features_make_a_power_user(ingest, settle, query):
    ingest(*use("reports", "export"))
    settle()
    assert roles(query) == []
    ingest(*use("alerts"))
    settle()
    assert roles(query) == [("POWER_USER", "uses 3 features")]
