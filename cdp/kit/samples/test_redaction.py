"""What never gets into the database."""

TIMELINE = """{ profile(identifier: {kind: "user_id", value: "ada"}) {
  timeline(first: 5) { nodes { name properties } } } }"""


def test_the_number_of_a_card_is_not_stored(ingest, query):
    ingest(
        {
            "type": "track",
            "userId": "ada",
            "event": "Note Written",
            "properties": {"text": "pays with 4111 1111 1111 1111", "page": 2},
        }
    )
    assert query(TIMELINE)["profile"]["timeline"]["nodes"] == [
        {"name": "Note Written", "properties": {"text": "pays with [card]", "page": 2}}
    ]
