"""What the fields of one row share in a statement."""

from __future__ import annotations

import pytest

from cdp.plan.frames import Frame, Shared
from cdp.plan.statement import Scope, Statement

DAYS = "SELECT count(*) FROM unnest(p.used_days)"


def test_what_one_field_needs_is_computed_where_it_stands() -> None:
    frame = Frame(1)
    assert frame.close(f"concat({frame.value(DAYS)})") == f"concat(({DAYS}))"


def test_what_two_fields_need_is_computed_once_beside_the_row() -> None:
    frame = Frame(1)
    content = f"concat({frame.value(DAYS)}, {frame.value(DAYS)})"
    assert frame.close(content) == f"(SELECT concat(s1.v0, s1.v0) FROM (SELECT ({DAYS}) AS v0 OFFSET 0) s1)"


def test_a_row_within_a_row_leaves_the_marks_of_the_outer_one_alone() -> None:
    outer, inner = Frame(1), Frame(2)
    mark = outer.value(DAYS)
    within = inner.close(f"concat({mark}, {inner.value('1')}, {inner.value('1')})")
    assert within == f"(SELECT concat({mark}, s2.v0, s2.v0) FROM (SELECT (1) AS v0 OFFSET 0) s2)"
    assert outer.close(within) == within.replace(mark, f"({DAYS})")


def test_lists_of_several_kinds_are_read_from_the_tallies_in_one_go() -> None:
    frame = Frame(3)
    source = f"summary_tally t WHERE t.node_id = ANY({frame.value('nodes')})"
    signals = frame.tallied(source, "'signal'", "a()", unless="p.intent_last_at IS NULL")
    features = frame.tallied(source, "'feature'", "b()", unless="p.last_used_at IS NULL")
    written = frame.close(f"concat({signals}, {features})")
    assert (signals, features) == ("t3_0.v0", "t3_0.v1")
    assert written.count("summary_tally") == 1
    assert "t.kind IN ('signal', 'feature')" in written
    assert "AND NOT ((p.intent_last_at IS NULL) AND (p.last_used_at IS NULL))" in written
    assert "a() AS v0, b() AS v1" in written


def test_views_of_different_accounts_do_not_share_their_tallies() -> None:
    frame = Frame(1)
    one = frame.tallied("one t WHERE true", "'signal'", "a()", unless="false")
    other = frame.tallied("other t WHERE true", "'signal'", "a()", unless="false")
    assert one != other
    assert frame.close(f"concat({one}, {other})").count("CROSS JOIN LATERAL") == 1


def test_a_shared_name_belongs_to_the_row_where_it_was_given() -> None:
    statement = Statement()
    outer = Scope(statement, {}, frame=Frame(7)).inner({"days": Shared(DAYS)})
    inner = outer.inner({}, frame=Frame(8))
    assert inner.sql("{days}") == outer.sql("{days}") == outer.frame.value(DAYS)


def test_a_mark_that_no_row_replaced_never_reaches_the_database() -> None:
    with pytest.raises(AssertionError, match="«"):
        Statement().close(f"SELECT {Frame(1).value(DAYS)}")
