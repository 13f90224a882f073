from __future__ import annotations

from typing import Any

import pytest

ENTRY = """entry { event isDefault conditions { property operator value }
    contributions { lens weight stage signal purchase feature keyProperty measures influence } }
    userErrors { code field message }"""
CONTRIBUTION = {
    "weight": 1.0,
    "stage": None,
    "signal": None,
    "purchase": None,
    "feature": None,
    "keyProperty": None,
    "measures": [],
    "influence": 0.0,
}
VIEWS = "buyerIntent { signals { name count } } usage { features { key count } } timeline { nodes { name lenses } }"


@pytest.fixture
async def unknown_event(api) -> None:
    await api.ingest(
        *({"type": "TRACK", "event": "Calculator Opened", "userId": "u1", "properties": {"plan": {"name": name}}}
          for name in ("pro", "pro", "free"))
    )  # fmt: skip


async def recounted(api, application) -> None:
    """Let the worker work until history is counted by today's catalogue."""
    while await application.worker.reclassify_once():
        pass
    answer = await api.run("{ catalogue { reclassifications { events progress } } }")
    assert answer["catalogue"]["reclassifications"] == []


async def test_an_unknown_event_is_listed_as_unclassified(api, unknown_event):
    document = "{ catalogue { unclassified { name count firstAt lastAt } } }"
    assert (await api.run(document))["catalogue"]["unclassified"] == [
        {
            "name": "Calculator Opened",
            "count": 3,
            "firstAt": "2026-03-01T12:00:00.000000Z",
            "lastAt": "2026-03-01T12:00:00.000000Z",
        }
    ]


async def test_a_new_entry_counts_for_history_and_for_new_events(api, application, unknown_event):
    payload = await api.mutate(
        "catalogueEntrySet",
        ENTRY,
        {
            "event": "Calculator Opened",
            "contributions": [
                {"lens": "INTENT", "weight": 3, "stage": "PRICING"},
                {"lens": "USAGE", "feature": "calculator"},
            ],
        },
    )
    assert payload == {
        "entry": {
            "event": "Calculator Opened",
            "isDefault": False,
            "conditions": [],
            "contributions": [
                {
                    **CONTRIBUTION,
                    "lens": "INTENT",
                    "weight": 3.0,
                    "stage": "PRICING",
                    "signal": "calculator_opened",
                },
                {**CONTRIBUTION, "lens": "USAGE", "feature": "calculator"},
            ],
        },
        "userErrors": [],
    }
    waiting = (await api.run("{ catalogue { reclassifications { events progress notedAt } } }"))["catalogue"]
    assert waiting["reclassifications"] == [
        {"events": ["Calculator Opened"], "progress": 0.0, "notedAt": "2026-03-01T12:00:00.000000Z"}
    ]
    await recounted(api, application)
    await api.ingest({"type": "TRACK", "event": "calculator opened", "userId": "u1"})
    person = await api.person("user_id", "u1", VIEWS)
    assert person["buyerIntent"]["signals"] == [{"name": "calculator_opened", "count": 4}]
    assert person["usage"]["features"] == [{"key": "calculator", "count": 4}]
    assert {tuple(node["lenses"]) for node in person["timeline"]["nodes"]} == {("INTENT", "USAGE")}
    assert (await api.run("{ catalogue { unclassified { name } } }"))["catalogue"]["unclassified"] == []


async def test_the_entry_with_most_conditions_counts(api, application, unknown_event):
    conditions = [{"property": "plan.name", "value": "pro"}]
    for given in (
        {"event": "Calculator Opened", "contributions": [{"lens": "USAGE", "feature": "any"}]},
        {
            "event": "Calculator Opened",
            "conditions": conditions,
            "contributions": [{"lens": "USAGE", "feature": "pro"}],
        },
    ):
        assert (await api.mutate("catalogueEntrySet", ENTRY, given))["userErrors"] == []
    await recounted(api, application)
    person = await api.person("user_id", "u1", VIEWS)
    assert person["usage"]["features"] == [{"key": "pro", "count": 2}, {"key": "any", "count": 1}]
    entries = await api.run('{ catalogue { entries(event: "Calculator Opened") { conditions { value } } } }')
    assert entries["catalogue"]["entries"] == [{"conditions": []}, {"conditions": [{"value": "pro"}]}]
    await api.mutate("catalogueEntryRemove", ENTRY, {"event": "Calculator Opened", "conditions": conditions})
    await recounted(api, application)
    person = await api.person("user_id", "u1", VIEWS)
    assert person["usage"]["features"] == [{"key": "any", "count": 3}]


async def test_a_default_can_be_switched_off_and_comes_back(api, application):
    await api.ingest({"type": "TRACK", "event": "Pricing Viewed", "userId": "u1"})
    before = await api.person("user_id", "u1", VIEWS)
    off = await api.mutate("catalogueEntryRemove", ENTRY, {"event": "Pricing Viewed"})
    assert (off["entry"]["contributions"], off["entry"]["isDefault"]) == ([], False)
    await recounted(api, application)
    assert (await api.person("user_id", "u1", VIEWS))["buyerIntent"]["signals"] == []
    back = await api.mutate("catalogueEntryRemove", ENTRY, {"event": "Pricing Viewed"})
    assert back["entry"]["isDefault"] is True
    await recounted(api, application)
    assert await api.person("user_id", "u1", VIEWS) == before


async def test_an_entry_that_cannot_be_used_is_told_where(api):
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"event": " ", "contributions": []}, ["event"]),
        ({"event": "A", "contributions": [{"lens": "NONE"}]}, ["contributions", "0", "lens"]),
        (
            {"event": "A", "contributions": [{"lens": "INTENT", "weight": -1}]},
            ["contributions", "0", "weight"],
        ),
        (
            {"event": "A", "contributions": [{"lens": "USAGE", "keyProperty": ""}]},
            ["contributions", "0", "keyProperty"],
        ),
        (
            {
                "event": "A",
                "conditions": [{"property": "a", "operator": "IN", "value": 3}],
                "contributions": [],
            },
            ["conditions", "0", "value"],
        ),
    ]
    for given, field in cases:
        payload = await api.mutate("catalogueEntrySet", ENTRY, given)
        assert payload["entry"] is None
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
            ("BAD_USER_INPUT", ["input", *field])
        ]
    payload = await api.mutate("catalogueEntryRemove", ENTRY, {"event": "Never Heard Of"})
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
        ("NOT_FOUND", ["input", "event"])
    ]


async def test_features_make_adoption_measurable(api):
    await api.ingest(
        {"type": "TRACK", "event": "Feature Used", "userId": "u1", "properties": {"feature": "search"}}
    )
    define = "feature { key name tip } userErrors { code field }"
    payload = await api.mutate(
        "featureDefine", define, {"key": "search", "name": "Search", "tip": "Press /."}
    )
    assert payload == {"feature": {"key": "search", "name": "Search", "tip": "Press /."}, "userErrors": []}
    await api.mutate("featureDefine", define, {"key": "export"})
    assert await api.person("user_id", "u1", "usage { adoptionRate }") == {"usage": {"adoptionRate": 0.5}}
    payload = await api.mutate(
        "featureRemove", "catalogue { features { key name } } userErrors { code field }", {"key": "export"}
    )
    assert payload == {"catalogue": {"features": [{"key": "search", "name": "Search"}]}, "userErrors": []}
    assert await api.person("user_id", "u1", "usage { adoptionRate }") == {"usage": {"adoptionRate": 1.0}}
    payload = await api.mutate(
        "featureRemove", "catalogue { features { key } } userErrors { code field }", {"key": "no"}
    )
    assert payload == {"catalogue": None, "userErrors": [{"code": "NOT_FOUND", "field": ["input", "key"]}]}
    payload = await api.mutate("featureDefine", define, {"key": ""})
    assert payload == {"feature": None, "userErrors": [{"code": "BAD_USER_INPUT", "field": ["input", "key"]}]}


SETTINGS = """workspace { name settings { halfLifeDays warmScore hotScore defaultCurrency onboardingSteps } }
    userErrors { code field message }"""


async def test_settings_change_what_a_score_means(api):
    await api.ingest({"type": "TRACK", "event": "Pricing Viewed", "userId": "u1"})
    payload = await api.mutate(
        "workspaceSettingsUpdate", SETTINGS, {"warmScore": 0.1, "hotScore": 0.2, "defaultCurrency": "eur"}
    )
    assert payload["userErrors"] == []
    assert payload["workspace"]["name"] == "Acme"
    assert payload["workspace"]["settings"]["defaultCurrency"] == "EUR"
    assert await api.person("user_id", "u1", "buyerIntent { level }") == {"buyerIntent": {"level": "HOT"}}
    payload = await api.mutate("workspaceSettingsUpdate", SETTINGS, {"warmScore": None, "hotScore": None})
    assert (payload["workspace"]["settings"]["warmScore"], payload["workspace"]["settings"]["hotScore"]) == (
        10.0,
        40.0,
    )
    assert payload["workspace"]["settings"]["defaultCurrency"] == "EUR"
    assert (await api.run("{ workspace { settings { defaultCurrency } } }"))["workspace"] == {
        "settings": {"defaultCurrency": "EUR"}
    }


async def test_a_setting_out_of_range_is_told_by_its_name(api):
    for given, field in (
        ({"halfLifeDays": 1}, "halfLifeDays"),
        ({"warmScore": 50}, "warmScore"),
        ({"defaultCountry": "Ukraine"}, "defaultCountry"),
        ({"onboardingSteps": [""]}, "onboardingSteps"),
    ):
        payload = await api.mutate("workspaceSettingsUpdate", SETTINGS, given)
        assert payload["workspace"] is None
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
            ("BAD_USER_INPUT", ["input", field])
        ]
        assert field in payload["userErrors"][0]["message"]
