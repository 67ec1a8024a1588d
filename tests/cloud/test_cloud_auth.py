"""Tokens that are given, tokens that are fetched, and one renewal for everybody who waits."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from helpers_cloud import Platform, client_for, config_for, jwt, status

from autoscaler.clock import SystemClock
from autoscaler.cloud import CloudClient, Unauthorized
from autoscaler.cloud.auth import REFUSED_LOGIN_SECONDS, instant_claim
from autoscaler.ports import CloudRefused, CloudUnknown
from autoscaler.settings import Secret


class SetClock(SystemClock):
    """A clock whose instants a test sets."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def now(self) -> float:
        return self.at


def login(**changes: Any) -> dict[str, Any]:
    return {"token": None, "email": "ops@example.com", "password": lambda: "right", **changes}


@pytest.mark.parametrize(
    ("token", "because"),
    [
        ("Bearer token-1", "begins with 'Bearer '"),
        ("bearer token-1", "begins with 'Bearer '"),
        ("sk-nc-abc", "inference key"),
        ("", "empty"),
        ("two words", "characters"),
        ("line\nbreak", "characters"),
    ],
)
async def test_a_token_of_the_wrong_kind_is_refused_with_a_sentence(
    token: str, because: str
) -> None:
    platform = Platform()
    async with client_for(platform, token=lambda: token) as cloud:
        with pytest.raises(CloudUnknown, match=because):
            await cloud.list()
    assert platform.requests == []


async def test_a_token_file_is_read_anew_after_it_was_exchanged(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("token-1\n")
    platform = Platform()
    async with client_for(platform, token=Secret(file=file)) as cloud:
        await cloud.list()
        platform.tokens = {"token-2"}
        file.write_text("token-2\n")
        assert (await cloud.list()).complete
        file.unlink()
        with pytest.raises(CloudUnknown, match="cannot read the secret"):
            await cloud.list()


async def test_a_given_token_tells_its_expiry_where_it_is_a_jwt() -> None:
    token = jwt(2_000_000_000)
    async with client_for(Platform(tokens={token}), token=lambda: token) as cloud:
        assert cloud.credential_expires_at() is None
        await cloud.list()
        assert cloud.credential_expires_at() == 2_000_000_000
        assert cloud.credential_lifetime_seconds() is None


async def test_a_given_token_tells_its_life_where_it_tells_its_issue() -> None:
    token = jwt(2_000_000_000, issued_at=1_999_996_400)
    async with client_for(Platform(tokens={token}), token=lambda: token) as cloud:
        assert cloud.credential_lifetime_seconds() is None
        await cloud.list()
        assert cloud.credential_lifetime_seconds() == 3600


@pytest.mark.parametrize("token", ["", "a.b.c", "a.e30.c", "a.bnVsbA.c", "a.!!!.c", jwt(-1)])
def test_a_claim_that_is_none_is_no_expiry(token: str) -> None:
    assert instant_claim(token, "exp") is None


async def test_a_login_happens_once_for_many_waiting_calls() -> None:
    platform = Platform(tokens=set(), login_delay=0.02)
    async with client_for(platform, **login()) as cloud:
        await asyncio.gather(*(cloud.list() for _ in range(20)))
    assert platform.logins == 1


async def test_a_401_renews_once_for_all_and_every_call_succeeds() -> None:
    platform = Platform(tokens=set(), login_delay=0.02)
    async with client_for(platform, **login()) as cloud:
        await cloud.list()
        platform.tokens = set()
        await asyncio.gather(*(cloud.list() for _ in range(20)))
    assert (platform.logins, platform.refreshes) == (1, 1)


async def test_a_scale_call_is_repeated_after_a_401_because_it_was_not_carried_out() -> None:
    platform = Platform(tokens=set())
    async with client_for(platform, **login()) as cloud:
        await cloud.list()
        platform.tokens = set()
        scaled = await cloud.scale("dep-1", 4)
    assert scaled is not None
    assert scaled.replicas == 4
    assert [method for method, _ in platform.requests].count("PUT") == 2


async def test_a_token_that_is_refused_also_when_fresh_is_refused_for_good() -> None:
    platform = Platform(tokens=set(), faults=[status(401, "unauthorized")] * 9)
    async with client_for(platform, **login()) as cloud:
        with pytest.raises(CloudRefused, match=r"check cloud\.tenant_url"):
            await cloud.scale("dep-1", 4)
    assert [method for method, _ in platform.requests].count("PUT") == 2


async def test_a_token_is_renewed_at_four_fifths_of_its_life() -> None:
    platform, clock = Platform(tokens=set(), login_answer={"expires_in": 1000}), SetClock()
    async with client_for(platform, clock=clock, **login()) as cloud:
        await cloud.list()
        assert cloud.credential_expires_at() == clock.at + 1000
        clock.at += 799
        await cloud.list()
        assert platform.refreshes == 0
        clock.at += 1
        await cloud.list()
        assert platform.refreshes == 1
        assert cloud.credential_expires_at() == clock.at + 1000


@pytest.mark.parametrize(
    ("answer", "life"),
    [
        ({}, 3600.0),
        ({"expires_in": 60}, 60.0),
        ({"expires_in": "soon"}, 3600.0),
        ({"expires_in": -5}, 3600.0),
        ({"access_token": jwt(1_000_500)}, 500.0),
        ({"data": {"access_token": jwt(1_000_500), "expires_in": 70}}, 70.0),
    ],
    ids=str,
)
async def test_the_expiry_comes_from_the_answer_the_token_or_the_settings(
    answer: dict[str, object], life: float
) -> None:
    platform, clock = Platform(tokens=set(), login_answer=answer), SetClock()
    async with client_for(platform, clock=clock, **login()) as cloud:
        await cloud._credential.token()
        assert cloud.credential_expires_at() == clock.at + life
        assert cloud.credential_lifetime_seconds() == life


async def test_while_a_renewal_fails_a_token_that_lives_goes_on_being_used() -> None:
    platform, clock = Platform(tokens=set(), login_answer={"expires_in": 1000}), SetClock()
    async with client_for(platform, clock=clock, **login()) as cloud:
        await cloud.list()
        clock.at += 900
        platform.faults = [status(503)]
        assert (await cloud.list()).complete
        assert (await cloud.list()).complete
        assert platform.refreshes == 1, "the next try waits a little"


async def test_a_refresh_token_that_has_had_its_day_leads_to_a_login() -> None:
    platform, clock = Platform(tokens=set(), login_answer={"expires_in": 1000}), SetClock()
    async with client_for(platform, clock=clock, **login()) as cloud:
        await cloud.list()
        clock.at += 2000
        platform.faults = [status(401, "unauthorized")]
        assert (await cloud.list()).complete
    assert (platform.logins, platform.refreshes) == (2, 1)


async def test_a_wrong_password_is_not_tried_again_at_once() -> None:
    platform, clock = Platform(tokens=set()), SetClock()
    async with client_for(platform, clock=clock, **login(password=lambda: "wrong")) as cloud:
        for _ in range(5):
            with pytest.raises(CloudUnknown, match=r"Check cloud\.email"):
                await cloud.list()
        assert platform.logins == 1
        clock.at += REFUSED_LOGIN_SECONDS
        with pytest.raises(CloudUnknown):
            await cloud.list()
        assert platform.logins == 2


async def test_a_login_answer_without_a_token_is_malformed() -> None:
    platform = Platform(tokens=set(), login_answer={"access_token": None})
    async with client_for(platform, **login()) as cloud:
        with pytest.raises(CloudUnknown, match="bears no access_token"):
            await cloud.list()


def test_a_client_without_any_credential_says_what_to_set() -> None:
    with pytest.raises(Unauthorized, match="NEEV_API_TOKEN"):
        CloudClient(config_for("http://127.0.0.1:1", token=None), clock=SystemClock())


async def test_a_password_that_became_wrong_is_not_tried_at_each_renewal() -> None:
    """The token still lives, the refresh token does not: one login, then a minute of quiet."""
    platform, clock = Platform(tokens=set(), login_answer={"expires_in": 1000}), SetClock()
    async with client_for(platform, clock=clock, **login()) as cloud:
        await cloud.list()
        platform.password = "new"
        platform.faults = [status(401, "unauthorized")] * 1
        clock.at += 850
        for _ in range(4):
            assert (await cloud.list()).complete
            clock.at += 12
        assert platform.logins == 2
        platform.password = "right"
        clock.at += REFUSED_LOGIN_SECONDS
        await cloud.list()
        assert cloud.credential_expires_at() == clock.at + 1000
