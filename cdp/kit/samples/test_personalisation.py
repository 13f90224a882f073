"""What is shown in our slot."""

FEATURES = (
    """mutation { featureDefine(input: {key: "reports", name: "Reports"}) { userErrors { message } } }"""
)
SLOT = """{ profile(identifier: {kind: "user_id", value: "ada"}) {
  personalisation(slot: "sample_plugin") { variant content reason } } }"""


def test_a_feature_that_was_not_used_is_recommended(ingest, query):
    query(FEATURES)
    ingest({"type": "track", "userId": "ada", "event": "Signed In"})
    assert query(SLOT)["profile"]["personalisation"] == {
        "variant": "try_reports",
        "content": {"headline": "Have you tried Reports?"},
        "reason": "Has not used Reports yet.",
    }
