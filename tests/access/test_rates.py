"""Limits per second of workspaces and keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cdp.access.key import to_principal
from cdp.access.principals import Principal
from cdp.access.rates import BURST_SECONDS, LONGEST_RETRY, Rates, headers
from cdp.errors import RateLimited
from cdp.model import Limits

ANY = Limits()


class Time:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def key(number: int, workspace: int = 1) -> Principal:
    return to_principal(workspace, number, "k", "INGEST", publishable=True)


def granted(ask: Callable[[], None]) -> int:
    """How often it may be asked until it is refused."""
    for number in range(10_000):
        try:
            ask()
        except RateLimited:
            return number
    raise AssertionError("there is no limit")


def test_what_was_not_used_lasts_for_a_burst_and_then_the_rate_holds() -> None:
    time = Time()
    rates = Rates(ANY, monotonic=time)
    limits = Limits(requests_per_second=10)
    assert granted(lambda: rates.request(key(1), limits)) == 10 * BURST_SECONDS
    time.now += 1
    assert granted(lambda: rates.request(key(1), limits)) == 10
    time.now += 3_600
    assert granted(lambda: rates.request(key(1), limits)) == 10 * BURST_SECONDS


def test_who_is_refused_hears_when_to_come_again_and_is_taken_then() -> None:
    time = Time()
    rates = Rates(ANY, monotonic=time)
    limits = Limits(events_per_second=100)
    rates.events(key(1), limits, 500)
    with pytest.raises(RateLimited, match="100 events a second") as caught:
        rates.events(key(1), limits, 250)
    assert (caught.value.code, caught.value.retry_after) == ("RATE_LIMITED", 3)
    time.now += caught.value.retry_after
    rates.events(key(1), limits, 250)


def test_nobody_is_told_to_wait_for_longer_than_clients_do() -> None:
    rates = Rates(ANY, monotonic=Time())
    limits = Limits(events_per_second=1)
    rates.events(key(1), limits, 2_500)
    with pytest.raises(RateLimited) as caught:
        rates.events(key(1), limits, 1)
    assert caught.value.retry_after == LONGEST_RETRY


def test_a_batch_larger_than_a_burst_goes_once_nothing_is_owed() -> None:
    """Else a workspace with a small limit could never send it."""
    time = Time()
    rates = Rates(ANY, monotonic=time)
    limits = Limits(events_per_second=10)
    rates.events(key(1), limits, 100)
    time.now += 10
    rates.events(key(1), limits, 100)


def test_keys_share_the_limit_of_their_workspace_and_have_their_own() -> None:
    rates = Rates(ANY, monotonic=Time())
    limits = Limits(requests_per_second=4, key_requests_per_second=3)
    assert granted(lambda: rates.request(key(1), limits)) == 3 * BURST_SECONDS
    assert granted(lambda: rates.request(key(2), limits)) == 1 * BURST_SECONDS
    assert granted(lambda: rates.request(key(3, workspace=2), limits)) == 3 * BURST_SECONDS


def test_a_refusal_by_one_limit_is_not_counted_by_the_other() -> None:
    rates = Rates(ANY, monotonic=Time())
    limits = Limits(requests_per_second=2, key_requests_per_second=1)
    granted(lambda: rates.request(key(1), limits))
    for _ in range(100):
        with pytest.raises(RateLimited, match="This key"):
            rates.request(key(1), limits)
    assert granted(lambda: rates.request(key(2), limits)) == BURST_SECONDS


def test_a_workspace_has_the_servers_limits_unless_it_has_its_own() -> None:
    rates = Rates(Limits(requests_per_second=1), monotonic=Time())
    assert granted(lambda: rates.request(key(1), ANY)) == BURST_SECONDS
    for _ in range(1_000):
        rates.request(key(2, workspace=2), Limits(requests_per_second=0))


def test_what_operations_cost_is_counted_beside_how_many_they_are() -> None:
    rates = Rates(ANY, monotonic=Time())
    limits = Limits(cost_per_second=1_000, key_cost_per_second=300)
    assert granted(lambda: rates.cost(key(1), limits, 500)) == 3
    assert granted(lambda: rates.cost(key(2), limits, 500)) == 3
    assert granted(lambda: rates.cost(key(3), limits, 500)) == 3
    assert granted(lambda: rates.cost(key(4), limits, 500)) == 1, "the workspace's 5,000 are used up"
    for _ in range(1_000):
        rates.request(key(1), limits)


def test_an_address_cannot_use_up_what_a_public_key_may_send() -> None:
    rates = Rates(ANY, monotonic=Time())
    limits = Limits(key_events_per_second=10, address_events_per_second=2)
    assert granted(lambda: rates.events(key(1), limits, 1, address="192.0.2.1")) == 2 * BURST_SECONDS
    assert granted(lambda: rates.events(key(1), limits, 1, address="192.0.2.2")) == 2 * BURST_SECONDS
    secret = to_principal(1, 2, "k", "PARTNER", publishable=False)
    assert granted(lambda: rates.events(secret, limits, 1, address="192.0.2.1")) == 10 * BURST_SECONDS


def test_many_addresses_do_not_have_the_bucket_of_their_key_forgotten() -> None:
    rates = Rates(ANY, monotonic=Time())
    limits = Limits(key_events_per_second=1, address_requests_per_second=1)
    assert granted(lambda: rates.events(key(1), limits, 1)) == BURST_SECONDS
    for number in range(30_000):
        rates.request(key(1), limits, address=str(number))
    assert granted(lambda: rates.events(key(1), limits, 1)) == 0


def test_what_is_left_is_told_of_the_bucket_that_holds_least() -> None:
    """As draft-ietf-httpapi-ratelimit-headers writes it."""
    rates = Rates(ANY, monotonic=Time())
    limits = Limits(requests_per_second=2, key_requests_per_second=1, cost_per_second=100)
    noted: dict[str, object] = {}
    assert headers(noted) == []
    rates.request(key(1), limits, noted)
    rates.cost(key(1), limits, 150, noted)
    assert headers(noted) == [
        (b"ratelimit-policy", b'"cost";q=500;w=5, "requests";q=5;w=5'),
        (b"ratelimit", b'"cost";r=350;t=2, "requests";r=4;t=1'),
    ]
    granted(lambda: rates.request(key(1), limits))
    refused: dict[str, object] = {}
    with pytest.raises(RateLimited):
        rates.request(key(1), limits, refused)
    assert headers(refused)[1] == (b"ratelimit", b'"requests";r=0;t=5')
    nothing: dict[str, object] = {}
    rates.request(key(1), ANY, nothing)
    assert headers(nothing) == []
