"""Every page, none twice, and an end even where the server lies."""

from typing import Any

import pytest
from aiohttp import web
from helpers_cloud import Platform, client_for, deployment_json
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.cloud import ReadLimits, reading


def fleet(count: int) -> list[Any]:
    return [deployment_json(number) for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 35])
async def test_all_pages_are_read(count: int) -> None:
    platform = Platform(fleet(count))
    async with client_for(platform) as cloud:
        listing = await cloud.list()
    assert (len(listing.deployments), listing.complete) == (count, True)
    assert len(platform.requests) == max(1, -(-count // 10))


@pytest.mark.parametrize(
    ("totals", "complete"),
    [
        ({"total_items": 100, "total_pages": 4}, False),
        ({"total_items": 36}, False),
        ({"total_pages": 10**9}, False),
        ({"total_items": 10**9, "total_pages": 10**9}, False),
        ({"total_items": 0, "total_pages": 0}, False),
        ({"total_items": -1, "total_pages": "many"}, True),
    ],
    ids=str,
)
async def test_a_list_whose_totals_lie_ends_and_is_called_short(
    totals: dict[str, Any],
    complete: bool,  # noqa: FBT001  # a case of the table
) -> None:
    platform = Platform(fleet(35), totals=totals)
    async with client_for(platform) as cloud:
        listing = await cloud.list()
    assert listing.complete is complete
    assert len(platform.requests) <= 5


async def test_a_server_that_ignores_pages_is_asked_no_third_time() -> None:
    platform = Platform(fleet(35), ignores_paging=True)
    async with client_for(platform) as cloud:
        listing = await cloud.list()
    assert len(listing.deployments) == 35
    assert len(platform.requests) <= 2


async def test_a_list_without_end_is_left_after_the_page_cap() -> None:
    platform = Platform(fleet(100), totals={"total_items": 10**6, "total_pages": 10**6})
    async with client_for(platform, limits=ReadLimits(page_size=10, most_pages=5)) as cloud:
        listing = await cloud.list()
    assert (len(listing.deployments), listing.complete) == (50, False)


async def test_an_item_that_shifts_to_the_next_page_is_one_item() -> None:
    """One is added at the front between two pages: its neighbour comes twice, the list is short."""
    platform = Platform(fleet(15))

    async def shift(request: web.Request) -> web.StreamResponse:
        answer = platform._deployments(request)
        platform.deployments.insert(0, deployment_json(99))
        return answer

    platform.faults = [shift]
    async with client_for(platform) as cloud:
        listing = await cloud.list()
    ids = [d.id for d in listing.deployments]
    assert len(ids) == len(set(ids)) == 15
    assert not listing.complete, "dep-99 was not seen, and the totals say so"


async def test_an_item_that_is_removed_between_pages_makes_no_deletion_of_another() -> None:
    platform = Platform(fleet(15))

    async def shrink(request: web.Request) -> web.StreamResponse:
        answer = platform._deployments(request)
        platform.deployments.pop(0)
        return answer

    platform.faults = [shrink]
    async with client_for(platform) as cloud:
        listing = await cloud.list()
    assert len(listing.deployments) == 14
    assert listing.complete is (len(listing.deployments) == len(platform.deployments))


@given(
    st.lists(st.integers(0, 20), max_size=30),
    st.one_of(st.none(), st.integers(0, 50)),
    st.one_of(st.none(), st.integers(0, 10)),
)
def test_totals_agree_only_with_what_was_announced(
    seen: list[int], items: int | None, page_count: int | None
) -> None:
    totals = reading._Totals(items, page_count)
    if totals.agree_with(len(set(seen)), 3):
        assert items in {None, len(set(seen))}
        assert page_count is None or page_count <= 3
