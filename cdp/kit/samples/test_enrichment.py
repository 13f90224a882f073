"""Which universities people are at."""

TRAITS = """query ($who: String!) { profile(identifier: {kind: "user_id", value: $who}) {
  enrichment { key value provider confidence } } }"""


def universities(query, who):
    found = query(TRAITS, who=who)["profile"]["enrichment"]
    return [(one["value"], one["confidence"]) for one in found if one["key"] == "university"]


def test_an_address_tells_the_university(ingest, settle, query):
    for who, email in (("ada", "ada@ox.ac.uk"), ("bob", "bob@example.com")):
        ingest({"type": "identify", "userId": who, "traits": {"email": email}})
    settle()
    assert universities(query, "ada") == [("University of Oxford", 0.9)]
    assert universities(query, "bob") == []
