"""Who tries keys that are not good is refused unread after a while; others behind the same address go on."""

from __future__ import annotations

import pytest

from cdp.access.authenticator import Authenticator
from cdp.access.guesses import Guesses
from cdp.access.key import to_principal
from cdp.access.principals import Peer, Principal
from cdp.errors import RateLimited, Unauthenticated

OFFICE = Peer("192.0.2.7")


class Time:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Lock:
    """Knows the keys `good-…`, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def recognises(self, token: str) -> bool:
        return bool(token)

    async def principal(self, token: str) -> Principal:
        self.asked += 1
        if not token.startswith("good"):
            raise Unauthenticated("No.")
        return to_principal(1, 1, "k", "PARTNER", publishable=False)


async def tried(
    authenticator: Authenticator, times: int, peer: Peer | None = OFFICE, word: str = "wrong"
) -> int:
    """How many of so many different wrong keys were looked at."""
    looked = 0
    for number in range(times):
        try:
            await authenticator.authenticate(f"{word}-{number}", peer)
        except Unauthenticated:
            looked += 1
        except RateLimited:
            continue
    return looked


async def test_an_address_may_try_some_wrong_keys_and_more_as_time_passes() -> None:
    time, lock = Time(), Lock()
    authenticator = Authenticator([lock], guesses=Guesses(30, monotonic=time))
    assert await tried(authenticator, 100) == 30
    assert lock.asked == 30, "the others cost nothing"
    time.now += 10
    assert await tried(authenticator, 100, word="again") == 5
    time.now += 3_600
    assert await tried(authenticator, 100, word="later") == 30


async def test_others_behind_the_same_address_go_on_and_all_the_world_does() -> None:
    authenticator = Authenticator([Lock()], guesses=Guesses(30, monotonic=Time()))
    await authenticator.authenticate("good-1", OFFICE)
    assert await tried(authenticator, 100) == 30
    await authenticator.authenticate("good-1", OFFICE)
    with pytest.raises(RateLimited):
        await authenticator.authenticate("good-2", OFFICE)
    await authenticator.authenticate("good-2", Peer("192.0.2.8"))


async def test_a_client_that_does_not_know_that_its_key_has_ended_is_no_guesser() -> None:
    authenticator = Authenticator([Lock()], guesses=Guesses(5, monotonic=Time()))
    for _ in range(100):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate("ended", OFFICE)
    await authenticator.authenticate("good-1", OFFICE)


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
async def test_an_address_is_what_somebody_cannot_choose_anew_each_time(address: str, same: str) -> None:
    authenticator = Authenticator([Lock()], guesses=Guesses(5, monotonic=Time()))
    assert await tried(authenticator, 10, Peer(address)) == 5
    assert await tried(authenticator, 10, Peer(same), word="more") == 0
    assert await tried(authenticator, 10, Peer("2001:db8:1:3::1"), word="else") == 5


async def test_without_an_address_or_a_limit_nobody_is_refused() -> None:
    assert await tried(Authenticator([Lock()], guesses=Guesses(5)), 50, None) == 50
    assert await tried(Authenticator([Lock()], guesses=Guesses(0)), 50) == 50
