"""Files of records: CSV in its dialects, JSON lines, packed or not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cdp.errors import BadInput
from cdp.importing.fields import Kind, detect, field_of, parse_map
from cdp.importing.reading import Record, Source
from cdp.importing.rows import to_items, typed


def read(path: Path, content: str | bytes) -> list[Record]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with Source(path) as source:
        records = list(source.records())
        assert source.position == source.size
    return records


def test_csv_rows_are_numbered_from_one_without_the_header(tmp_path: Path) -> None:
    """Quoted commas and line breaks stay inside their field; empty lines do not count as rows with content."""
    records = read(tmp_path / "people.csv", 'user_id,name\n1,"Ahlberg, Lorna"\n2,"two\nlines"\n')
    assert records == [
        Record(1, "1,Ahlberg, Lorna", {"user_id": "1", "name": "Ahlberg, Lorna"}),
        Record(2, "2,two\nlines", {"user_id": "2", "name": "two\nlines"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_headers(tmp_path: Path, delimiter: str) -> None:
    content = delimiter.join(("user_id", "email")) + "\n" + delimiter.join(("1", "a@b.example")) + "\n"
    assert read(tmp_path / "people.csv", content)[0].values == {"user_id": "1", "email": "a@b.example"}


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert read(tmp_path / "people.csv", b"\xef\xbb\xbfuser_id\n1\n")[0].values == {"user_id": "1"}


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    """Progress is counted in packed bytes."""
    assert read(tmp_path / "people.csv.gz", gzip.compress(b"user_id\n1\n"))[0].values == {"user_id": "1"}
    assert read(tmp_path / "people.jsonl.gz", gzip.compress(b'{"userId": 1}\n'))[0].values == {"userId": 1}


def test_a_line_that_is_no_json_object_does_not_spoil_its_neighbours(tmp_path: Path) -> None:
    records = read(tmp_path / "events.jsonl", '{"event": "A"}\n\n[1]\n{oops\n{"event": "B"}\n')
    assert [(record.number, record.values) for record in records] == [
        (1, {"event": "A"}),
        (3, None),
        (4, None),
        (5, {"event": "B"}),
    ]
    assert records[1].problem == "The line is not a JSON object."


def test_a_row_with_more_fields_than_the_header_is_rejected_alone(tmp_path: Path) -> None:
    records = read(tmp_path / "people.csv", "user_id,name\n1,a,b\n2\n")
    assert records[0].problem == "The row has 3 fields, the header 2."
    assert records[1].values == {"user_id": "2"}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("people.xlsx", b"", "neither .csv nor .jsonl"),
        ("people.csv", b"", "no header"),
        ("people.csv", b"a,a\n1,2\n", "names a column twice"),
        ("people.csv", b"user_id\n\xff\xfe\n", "is not UTF-8.* iconv -f"),
        ("people.csv.gz", b"user_id\n1\n", "cannot be read"),
        ("people.csv.gz", gzip.compress(b"user_id\n1\n" * 100, mtime=0)[:-10], "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read(tmp_path / name, content)


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        (["user_id", "event", "timestamp"], Kind.EVENTS),
        (["E-Mail", "Name"], Kind.PEOPLE),
        (["contact_id", "account_id"], Kind.PEOPLE),
        (["account_id", "industry"], Kind.ACCOUNTS),
        (["Domain", "employees"], Kind.ACCOUNTS),
    ],
)
def test_columns_tell_what_the_rows_are(columns: list[str], kind: Kind) -> None:
    assert detect(Path("file.csv"), columns, {}) is kind


def test_nothing_is_guessed_where_nothing_tells() -> None:
    with pytest.raises(BadInput, match="give --kind, and --map"):
        detect(Path("file.csv"), ["colour", "size"], {})


def test_tracking_calls_are_recognised_by_their_type() -> None:
    """A lone column `type` says nothing by itself: people have types too."""
    assert detect(Path("f.jsonl"), ["type", "userId", "traits"], {}, {"identify"}) is Kind.EVENTS
    assert detect(Path("f.csv"), ["type", "userId"], {}, {"lead"}) is Kind.PEOPLE


def test_a_map_names_columns_and_fields_that_exist() -> None:
    assert parse_map(["mail=email", "x=traits.shoe size", "y=-"]) == {
        "mail": "email",
        "x": "traits.shoe size",
        "y": "-",
    }
    with pytest.raises(BadInput, match="there is no field e-mail"):
        parse_map(["mail=e-mail"])
    with pytest.raises(BadInput, match="write COLUMN=FIELD"):
        parse_map(["mail"])


def test_an_id_is_the_id_of_what_the_row_is() -> None:
    assert [field_of("id", {}, kind) for kind in Kind] == ["userId", "groupId", "messageId"]


def test_a_persons_row_that_names_an_account_also_makes_the_member() -> None:
    """Two calls, with ids that only depend on the file's name and the row."""
    record = Record(7, "raw", {"email": "a@b.example", "title": "CFO", "company_id": "c1", "plan": ""})
    person, member = to_items(record, Kind.PEOPLE, {}, "people.csv")
    assert person == {
        "type": "identify",
        "anonymousId": person["anonymousId"],
        "traits": {"email": "a@b.example", "title": "CFO"},
        "messageId": person["messageId"],
    }
    assert member == {
        "type": "group",
        "anonymousId": person["anonymousId"],
        "groupId": "c1",
        "context": {"traits": {"email": "a@b.example"}},
        "messageId": f"{person['messageId']}:group",
    }
    assert to_items(record, Kind.PEOPLE, {}, "people.csv") == [person, member]
    other = to_items(record, Kind.PEOPLE, {}, "others.csv")[0]["messageId"]
    assert (
        len(
            {
                person["messageId"],
                other,
                to_items(record._replace(number=8), Kind.PEOPLE, {}, "people.csv")[0]["messageId"],
            }
        )
        == 3
    )


def test_an_events_other_columns_are_its_properties() -> None:
    values = {"user_id": "1", "event": "Order Completed", "total": "19.90", "sku": "007", "gift": "true"}
    (item,) = to_items(Record(1, "raw", values), Kind.EVENTS, {}, "events.csv")
    assert item["properties"] == {"total": 19.9, "sku": "007", "gift": True}
    assert (item["type"], item["event"], item["userId"]) == ("track", "Order Completed", "1")


def test_a_tracking_call_in_a_json_line_is_taken_as_it_is() -> None:
    call = {
        "type": "group",
        "messageId": "m1",
        "userId": "1",
        "groupId": "g",
        "traits": {"seats": 3},
        "context": {"ip": "::1"},
    }
    assert to_items(Record(1, "raw", call), Kind.EVENTS, {}, "events.jsonl") == [call]


def test_external_ids_become_identifiers_of_their_kind() -> None:
    record = Record(1, "raw", {"hs": "42"})
    (item,) = to_items(record, Kind.PEOPLE, {"hs": "externalIds.hubspot_contact_id"}, "people.csv")
    assert item["context"]["externalIds"] == [
        {"type": "hubspot_contact_id", "id": "42", "collection": "users", "encoding": "none"}
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-1.5", -1.5),
        ("007", "007"),
        ("+1 202", "+1 202"),
        ("1e3", "1e3"),
        ("FALSE", False),
        ("yes", "yes"),
    ],
)
def test_only_what_a_number_is_written_back_as_becomes_one(text: str, value: object) -> None:
    assert typed(text) == value
    assert type(typed(text)) is type(value)
