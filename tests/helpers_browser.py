"""A real Chromium, driven as a person would; whatever the page complains of fails the test."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
DESKTOP = (1440, 900)
PHONE = (390, 844)
AXE = Path(__file__).parent / "browser" / "axe.min.js"


def needs_chromium() -> None:
    """Skip where there is no Chromium; fail where CI is set."""
    if CHROMIUM:
        return
    reason = "no chromium is installed: apt install chromium"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@asynccontextmanager
async def a_page(
    url: str, *, size: tuple[int, int] = DESKTOP, scheme: str = "light"
) -> AsyncIterator[Page]:
    """Open the page; afterwards no error, no refused rule and no foreign request may have been."""
    needs_chromium()
    faults: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        try:
            context = await browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page = await context.new_page()
            page.on("pageerror", lambda error: faults.append(f"error: {error}"))
            page.on(
                "console",
                lambda message: (
                    faults.append(f"console: {message.text}")
                    if message.type == "error"
                    and "the server responded with a status of" not in message.text
                    else None
                ),
            )
            page.on(
                "request",
                lambda request: (
                    None
                    if request.url.startswith((url, "data:"))
                    else faults.append(f"foreign request: {request.url}")
                ),
            )
            await page.goto(f"{url}/")
            await page.wait_for_selector("html[data-ready]")
            yield page
        finally:
            await browser.close()
    assert not faults, faults


async def axe_faults(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA, one line a rule and element."""
    await page.evaluate(AXE.read_text("utf-8"))
    result = await page.evaluate(
        """() => axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa",
           "wcag22aa", "best-practice"]})"""
    )
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary'][:160]}"
        for violation in result["violations"]
        for node in violation["nodes"][:3]
    ]


async def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    return int(
        await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
    )
