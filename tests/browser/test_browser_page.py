"""The page in a real Chromium: open, sort, find, ask why, pause, hold a count, let it end."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers_browser import DESKTOP, PHONE, a_page, axe_faults, overflow
from helpers_web import TOKEN, FakeConsole
from helpers_web_fleet import snapshot_of, view_of
from helpers_web_site import Start, sites
from playwright.async_api import Page, expect

from autoscaler.core.words import Mode

pytestmark = pytest.mark.live

HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\">"
    "<script>document.title='owned'</script>\u202e\x07"
)


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with sites() as begin:
        yield begin


async def _open(page: Page, deployment: str = "chat-frontdoor") -> None:
    await page.get_by_role("link", name=deployment, exact=True).click()
    await page.wait_for_selector("#plots svg")


async def _give_token(page: Page, token: str) -> None:
    await page.get_by_role("textbox", name="Token").fill(token)
    await page.get_by_role("button", name="Use it").click()


async def test_a_person_sorts_and_finds(start: Start) -> None:
    site = await start()
    async with a_page(site.url) as page:
        names = page.locator("#rows tr:visible .who a")
        await expect(names).to_have_count(10)
        await page.get_by_role("button", name="Replicas").click()
        counts = await page.locator("#rows tr td:nth-child(3)").evaluate_all(
            "cells => cells.map(cell => Number(cell.dataset.sort))"
        )
        assert counts == sorted(counts, reverse=True)
        header = page.locator("th[data-key=replicas]")
        await expect(header).to_have_attribute("aria-sort", "descending")
        await page.get_by_role("button", name="Replicas").click()
        await expect(header).to_have_attribute("aria-sort", "ascending")
        await page.get_by_label("Find a deployment").fill("llama")
        assert 0 < await names.count() < 10
        await page.get_by_label("Find a deployment").fill("")
        await page.get_by_label("needs attention").check()
        await expect(page.locator("#count")).to_contain_text("of 10 deployments")


async def test_a_person_asks_why_by_keyboard_alone(start: Start) -> None:
    site = await start()
    async with a_page(site.url) as page:
        await page.get_by_role("link", name="chat-frontdoor", exact=True).focus()
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#plots svg")
        await expect(page.get_by_role("heading", name="chat-frontdoor")).to_be_focused()
        mark = page.locator(".mark[tabindex='0']")
        await mark.focus()
        await page.keyboard.press("ArrowLeft")
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Scale")
        await expect(dialog).to_contain_text("SLO model")
        await expect(dialog).to_contain_text("What other counts would bring")
        await dialog.get_by_text("All 4 rules in their order").click()
        await expect(dialog).to_contain_text("Lifecycle gate")
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()


async def test_a_mark_of_several_decisions_offers_the_choice(start: Start) -> None:
    site = await start()
    async with a_page(site.url) as page:
        await _open(page)
        await page.locator(".mark.many").first.click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Which decision?")
        await dialog.locator(".events button").first.click()
        await expect(dialog).to_contain_text("SLO model")


async def test_a_person_pauses_and_resumes(start: Start) -> None:
    site = await start()
    async with a_page(site.url) as page:
        await _open(page)
        await page.get_by_role("button", name="Pause", exact=True).click()
        await page.get_by_label("Why").fill("load test")
        await page.get_by_label("Your name").fill("asha")
        await page.get_by_role("dialog").get_by_role("button", name="Pause").click()
        await _give_token(page, "wrong")
        await expect(page.get_by_role("dialog")).to_contain_text("does not know this token")
        await _give_token(page, TOKEN)
        await expect(page.locator("#part-order")).to_contain_text("Paused")
        await expect(page.locator("#part-order")).to_contain_text("by asha: load test")
        await page.get_by_role("button", name="Resume").click()
        await expect(page.locator("#part-order")).not_to_contain_text("Paused")
    assert [call[0] for call in site.console.calls] == ["pause", "resume"]


async def test_a_person_holds_a_count_and_it_ends(start: Start) -> None:
    site = await start()
    async with a_page(site.url) as page:
        await _open(page)
        await page.get_by_role("button", name="Hold a count").click()
        await page.get_by_role("spinbutton", name="Replicas").fill("3")
        await expect(page.get_by_role("dialog")).to_contain_text("less than now")
        await page.get_by_label("For how long").select_option("1800")
        await page.get_by_role("button", name="Hold it").click()
        await _give_token(page, TOKEN)
        await expect(page.locator("#part-order")).to_contain_text("Held at 3 replicas")
        await expect(page.locator("#part-order")).to_contain_text("30 min left")
        site.console.resume("chat-frontdoor", by="the clock")
        await expect(page.locator("#part-order")).not_to_contain_text("Held", timeout=10_000)
    assert site.console.calls[0][:4] == ("override", "chat-frontdoor", "3", "1800.0")


async def test_what_the_daemon_denies_is_shown(start: Start) -> None:
    site = await start()
    async with a_page(site.url) as page:
        await _open(page)
        await page.get_by_role("button", name="Hold a count").click()
        await page.get_by_role("spinbutton", name="Replicas").fill("60")
        await page.get_by_role("button", name="Hold it").click()
        await _give_token(page, TOKEN)
        await expect(page.locator(".toast")).to_contain_text("above max")


async def test_a_person_probes_now(start: Start) -> None:
    site = await start()
    async with a_page(site.url) as page:
        await _open(page)
        await page.get_by_role("button", name="Probe now").click()
        await _give_token(page, TOKEN)
        await expect(page.get_by_role("dialog")).to_contain_text("140 ms")
    assert site.console.calls == [("probe", "chat-frontdoor", "True")]


async def test_without_a_token_the_page_says_how_to_turn_changes_on(start: Start) -> None:
    site = await start(admin_token=None)
    async with a_page(site.url) as page:
        await _open(page)
        await page.get_by_role("button", name="Probe now").click()
        await expect(page.get_by_role("dialog")).to_contain_text("web.admin_token_file")


async def test_the_table_follows_the_fleet_without_reloading(start: Start) -> None:
    site = await start(heartbeat_seconds=0.1)
    async with a_page(site.url) as page:
        await page.get_by_role("link", name="chat-frontdoor", exact=True).focus()
        assert site.console.picture is not None
        picture = site.console.picture
        views = list(picture.deployments)
        place = next(i for i, v in enumerate(views) if v.deployment.name == "chat-frontdoor")
        views[place] = replace(
            views[place], deployment=replace(views[place].deployment, replicas=17), ask=None
        )
        site.console.picture = replace(picture, deployments=tuple(views), at=picture.at + 15)
        row = page.locator("tr[data-id='dep-0000'] td:nth-child(3)")
        await expect(row).to_contain_text("17")
        await expect(page.get_by_role("link", name="chat-frontdoor", exact=True)).to_be_focused()
        site.console.picture = replace(picture, deployments=tuple(views[1:]), at=picture.at + 30)
        await expect(page.locator("#rows tr")).to_have_count(9)


async def test_a_lost_daemon_is_told_and_the_picture_stays(start: Start) -> None:
    site = await start(heartbeat_seconds=0.1)
    async with a_page(site.url) as page:
        await page.route("**/page/fleet", lambda route: route.fulfill(status=500, body="no"))
        await expect(page.get_by_role("alert")).to_contain_text("does not answer")
        await expect(page.locator("#rows tr")).to_have_count(10)
        await page.unroute("**/page/fleet")
        await expect(page.locator("#lost")).to_be_hidden()


async def test_hostile_texts_execute_nothing(start: Start) -> None:
    view = view_of(0, name=f"a {HOSTILE}")
    assert view.decision is not None
    steps = tuple(replace(step, rule=HOSTILE, because=HOSTILE) for step in view.decision.steps)
    hostile = replace(
        view,
        deployment=replace(view.deployment, model_id=HOSTILE, region=HOSTILE),
        decision=replace(view.decision, because=HOSTILE * 100, steps=steps),
    )
    site = await start(FakeConsole(replace(snapshot_of(1), deployments=(hostile,))))
    async with a_page(site.url) as page:
        await page.locator("#rows a").first.click()
        await page.wait_for_selector("#plots svg")
        await page.locator(".events button").first.click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert "owned" not in (await page.title()).replace(HOSTILE[:30], "").split(" · ")[-1]
        assert await page.locator("img").count() == 0
        await expect(page.locator("#part-now")).to_contain_text("<script>")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing_and_nothing_overflows(
    start: Start, size: tuple[int, int], scheme: str
) -> None:
    site = await start(FakeConsole(snapshot_of(10, mode=Mode.ADVISORY)))
    async with a_page(site.url, size=size, scheme=scheme) as page:
        assert await axe_faults(page) == []
        assert await overflow(page) == 0
        await _open(page, "rag-legal")
        assert await axe_faults(page) == []
        assert await overflow(page) == 0
        await page.locator(".events button").first.click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert await axe_faults(page) == []


@pytest.mark.bench
async def test_time_to_interactive_with_five_hundred_deployments(start: Start) -> None:
    site = await start(FakeConsole(snapshot_of(500)))
    async with a_page(site.url) as page:
        times = []
        for _ in range(5):
            await page.reload()
            await page.wait_for_selector("html[data-ready]")
            times.append(
                float(
                    await page.evaluate("performance.getEntriesByName('interactive')[0].startTime")
                )
            )
        sorting = await page.evaluate(
            """() => { const began = performance.now();
               document.querySelector("th[data-key=need] button").click();
               document.body.getBoundingClientRect();
               return performance.now() - began; }"""
        )
        print(
            f"\npage with 500 deployments: interactive after {min(times):.0f} to "
            f"{max(times):.0f} ms (median {sorted(times)[2]:.0f}); sorting {sorting:.0f} ms"
        )
        await expect(page.locator("#count")).to_have_text("500 deployments")


async def test_pictures_for_people_to_look_at(start: Start) -> None:
    """Written where PICTURES_OF_THE_PAGE says; looked at by a person, not compared."""
    folder = os.environ.get("PICTURES_OF_THE_PAGE")
    if not folder:
        pytest.skip("PICTURES_OF_THE_PAGE names no folder")
    site = await start()
    for name, size, scheme in (
        ("desktop", DESKTOP, "light"), ("dark", DESKTOP, "dark"), ("phone", PHONE, "light"),
    ):  # fmt: skip
        async with a_page(site.url, size=size, scheme=scheme) as page:
            await page.screenshot(path=Path(folder) / f"page-{name}-fleet.png")
            await _open(page)
            await page.screenshot(path=Path(folder) / f"page-{name}-deployment.png", full_page=True)
