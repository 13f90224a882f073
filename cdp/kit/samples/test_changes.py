"""What we are told."""


def test_the_first_use_is_told(ingest, settle, calls):
    ingest({"type": "track", "userId": "ada", "event": "Feature Used", "properties": {"feature": "reports"}})
    settle()
    told = [call.given["change"] for call in calls("on_stage_changed", plugin="sample_plugin")]
    assert [(one.before, one.after) for one in told if one.measured == "PHASE"] == [(None, "ACTIVATED")]
