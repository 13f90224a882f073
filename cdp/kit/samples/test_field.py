"""Our field."""

FIELD = """{ profile(identifier: {kind: "user_id", value: "ada"}) { samplePluginFeatures } }"""


def test_features_are_counted(ingest, query):
    ingest({"type": "track", "userId": "ada", "event": "Feature Used", "properties": {"feature": "reports"}})
    assert query(FIELD)["profile"] == {"samplePluginFeatures": 1}
