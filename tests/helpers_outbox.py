"""Plays a story with one outbox, one webhook and one sink on virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

from helpers_notify import (
    Seen,
    Sink,
    opened,
    parts,
    serving,
)

from autoscaler.clock import run_virtual
from autoscaler.notify.config import WebhookConfig
from autoscaler.notify.http import Http
from autoscaler.notify.lane import LaneParts
from autoscaler.notify.outbox import Outbox
from autoscaler.notify.webhook import WebhookReceiver

Story = Callable[[Outbox, Sink, LaneParts], Awaitable[None]]


def play(story: Story) -> None:
    """Run a story with one signed-less `neev.v1` webhook named `hook`."""

    async def main() -> None:
        seams = parts()
        http = Http(seams.clock)
        async with serving(Sink()) as sink:
            config = WebhookConfig(name="hook", url=lambda: sink.url, shape="neev.v1")
            async with opened([WebhookReceiver(config, http)], seams, http) as outbox:
                await story(outbox, sink, seams)

    run_virtual(main())


async def run_for(outbox: Outbox, seconds: float, *, every: float = 1.0) -> None:
    """Call `send_due` each second for a while, as the daemon does."""
    passed = 0.0
    while passed < seconds:
        await outbox.send_due()
        await asyncio.sleep(every)
        passed += every
    await outbox.drain()


def kinds(sink: Sink) -> list[str]:
    return [seen.json["type"].removeprefix("alert.") for seen in sink.taken]


def ids(seen: list[Seen]) -> list[str]:
    return [one.headers["webhook-id"] for one in seen]
