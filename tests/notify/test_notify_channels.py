"""Every channel over HTTP under every fault, on virtual time: told once, in order, in the end."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from helpers_notify import EPOCH, Fault, Seen, Sink, opened, parts, put, row, serving
from helpers_services import BOT_TOKEN, CHANNEL, ROUTING_KEY, PagerDuty, Slack
from helpers_tls import certificates

from autoscaler.clock import run_virtual
from autoscaler.notify.alertmanager import AlertmanagerReceiver
from autoscaler.notify.config import (
    AlertmanagerConfig,
    HttpOptions,
    PagerdutyConfig,
    SlackBotConfig,
    SlackWebhookConfig,
    WebhookConfig,
)
from autoscaler.notify.http import Http
from autoscaler.notify.pagerduty import PagerdutyReceiver
from autoscaler.notify.receiver import Receiver
from autoscaler.notify.slack import SlackWebhookReceiver
from autoscaler.notify.slack_bot import SlackBotReceiver
from autoscaler.notify.webhook import WebhookReceiver

HOUR = 3600.0
Rule = Callable[[Seen], web.Response]


@dataclass(frozen=True)
class Channel:
    """One kind of receiver, the service that takes its messages, and what that understood."""

    build: Callable[[str, Http, HttpOptions], Receiver]
    service: Callable[[], Rule]
    events: Callable[[Rule, Sink], list[str]]
    """`firing` and `over` as the service understood them."""


def plain() -> Rule:
    return lambda _: web.Response(text="ok")


def of_webhook(_: Rule, sink: Sink) -> list[str]:
    firsts = {seen.headers["webhook-id"]: seen.json["status"] for seen in sink.taken}
    return ["over" if status == "resolved" else "firing" for status in firsts.values()]


def of_alertmanager(_: Rule, sink: Sink) -> list[str]:
    ends = [seen.json[0]["endsAt"] < "2027-01-15T08:02" for seen in sink.taken]
    return ["over" if end else "firing" for end in ends]


def of_pagerduty(rule: Rule, _: Sink) -> list[str]:
    assert isinstance(rule, PagerDuty)
    return ["firing"] * len(rule.opened) + ["over"] * len(rule.resolved)


def of_slack(rule: Rule, _: Sink) -> list[str]:
    """A webhook's messages by their text; a bot's first message is edited, its end is a reply."""
    assert isinstance(rule, Slack)
    replies = [reply["text"] for thread in rule.threads.values() for reply in thread]
    if replies:
        return ["firing"] * len(rule.messages) + [
            "over" for text in replies if "[resolved]" in text
        ]
    texts = [message["text"] for message in rule.messages.values()]
    return ["over" if "[resolved]" in text else "firing" for text in texts]


CHANNELS = {
    "webhook": Channel(
        lambda url, http, options: WebhookReceiver(
            WebhookConfig(name="hook", url=lambda: url, http=options), http
        ),
        plain,
        of_webhook,
    ),
    "alertmanager": Channel(
        lambda url, http, options: AlertmanagerReceiver(
            AlertmanagerConfig(name="hook", urls=(url,), http=options), http
        ),
        plain,
        of_alertmanager,
    ),
    "pagerduty": Channel(
        lambda url, http, options: PagerdutyReceiver(
            PagerdutyConfig(name="hook", routing_key=lambda: ROUTING_KEY, url=url, http=options),
            http,
        ),
        PagerDuty,
        of_pagerduty,
    ),
    "slack webhook": Channel(
        lambda url, http, options: SlackWebhookReceiver(
            SlackWebhookConfig(name="hook", url=lambda: url + "/services/T/B/x", http=options),
            http,
        ),
        Slack,
        of_slack,
    ),
    "slack bot": Channel(
        lambda url, http, options: SlackBotReceiver(
            SlackBotConfig(
                name="hook", token=lambda: BOT_TOKEN, channel=CHANNEL, url=url, http=options
            ),
            http,
        ),
        Slack,
        of_slack,
    ),
}
FAULTS = {
    "500": Fault(status=500),
    "429 for seconds": Fault(status=429, headers={"Retry-After": "30"}),
    "429 until a date": Fault(status=429, headers={"Retry-After": "Fri, 15 Jan 2027 08:00:45 GMT"}),
    "hang": Fault(how="hang"),
    "reset": Fault(how="reset"),
}
each_channel = pytest.mark.parametrize("name", list(CHANNELS))


async def run_until(outbox: Any, until: float, clock: Any, every: float) -> None:
    while clock.now() < until:
        await outbox.send_due()
        await asyncio.sleep(every)
    await outbox.drain()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return certificates(tmp_path_factory.mktemp("tls"))


@each_channel
@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_delays_trigger_and_end_and_doubles_neither(name: str, fault: str) -> None:
    """The fault strikes the trigger twice and its end once."""
    channel = CHANNELS[name]

    async def story() -> None:
        seams, service = parts(), channel.service()
        http = Http(seams.clock)
        options = HttpOptions(timeout_seconds=2.0)
        async with (
            serving(Sink(rule=service, faults=[FAULTS[fault]] * 2)) as sink,
            opened([channel.build(sink.url, http, options)], seams, http) as outbox,
        ):
            put(seams.store, row())
            await run_until(outbox, EPOCH + 120, seams.clock, 4.0)
            sink.faults = [FAULTS[fault]]
            put(seams.store, row("resolve", at=EPOCH + 120))
            await run_until(outbox, EPOCH + 240, seams.clock, 4.0)
            assert seams.store.queued() == []
            assert channel.events(service, sink) == ["firing", "over"]

    run_virtual(story())


@each_channel
def test_an_hour_without_the_receiver_loses_nothing(name: str) -> None:
    channel = CHANNELS[name]

    async def story() -> None:
        seams, service = parts(), channel.service()
        http = Http(seams.clock)
        async with (
            serving(Sink(rule=service, always=Fault(status=503))) as sink,
            opened([channel.build(sink.url, http, HttpOptions())], seams, http) as outbox,
        ):
            put(seams.store, row())
            await run_until(outbox, EPOCH + HOUR, seams.clock, 150.0)
            assert outbox.receivers()[0].queued == 1
            sink.always = None
            await run_until(outbox, EPOCH + HOUR + 400, seams.clock, 50.0)
            put(seams.store, row("resolve", at=EPOCH + HOUR + 400))
            await run_until(outbox, EPOCH + HOUR + 420, seams.clock, 4.0)
            assert channel.events(service, sink) == ["firing", "over"]

    run_virtual(story())


@each_channel
def test_a_wrong_certificate_gets_nothing_until_it_is_right(
    name: str, authority: tuple[ssl.SSLContext, Path]
) -> None:
    channel = CHANNELS[name]
    server, ca_file = authority

    async def story() -> None:
        seams, service = parts(), channel.service()
        http = Http(seams.clock)
        async with serving(Sink(rule=service), ssl_context=server) as sink:
            put(seams.store, row())
            doubtful = channel.build(sink.url, http, HttpOptions())
            async with opened([doubtful], seams) as outbox:
                await run_until(outbox, EPOCH + 20, seams.clock, 1.0)
                assert sink.seen == []
            trusting = channel.build(sink.url, http, HttpOptions(ca_file=str(ca_file)))
            async with opened([trusting], seams, http) as outbox:
                await run_until(outbox, EPOCH + 400, seams.clock, 10.0)
        assert channel.events(service, sink) == ["firing"]

    run_virtual(story())
