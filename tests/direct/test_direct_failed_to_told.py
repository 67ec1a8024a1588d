"""From the instant the platform shows `failed` to the receiver's 200: a poll and 1 s at most.

100 deployments, 300 failures at instants of their own, and a real webhook receiver on loopback.
On virtual time: what is measured is waiting (polls, the second read, jobs), not computing.
"""

import json
import logging
import random
import statistics
from collections import defaultdict

import pytest
import structlog
from aiohttp import web
from helpers_direct import DirectWorld

from autoscaler.clock import run_virtual
from autoscaler.core.alerting.rules import AlertRules, ReceiverRule
from autoscaler.emulator.ledger import Truth
from autoscaler.emulator.scenario import Deed, DeploymentPlan, Event, Scenario
from autoscaler.notify.build import build_outbox
from autoscaler.notify.config import WebhookConfig
from autoscaler.notify.lane import LaneParts

DEPLOYMENTS, ROUNDS = 100, 3
ROUND_SECONDS, DOWN_SECONDS = 600.0, 180.0
POLL_SECONDS = 15.0
RULES = AlertRules(receivers=(ReceiverRule(name="hook"),))

Told = defaultdict[str, list[float]]
"""Deployment to the instants at which its failures were answered with 200."""


def stories() -> tuple[Event, ...]:
    """Each deployment fails once a round, somewhere in its first half."""
    lots = random.Random(11)
    events = []
    for number in range(ROUNDS):
        for index in range(DEPLOYMENTS):
            at = number * ROUND_SECONDS + lots.uniform(60.0, ROUND_SECONDS / 2)
            name = f"chat-{index:03}"
            events.append(Event(at_seconds=at, deployment=name, deed=Deed.FAIL))
            events.append(Event(at_seconds=at + DOWN_SECONDS, deployment=name, deed=Deed.RECOVER))
    return tuple(sorted(events, key=lambda event: event.at_seconds))


async def live(scenario: Scenario) -> tuple[Truth, Told]:
    place, told = DirectWorld(scenario), Told(list)

    async def take(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        for alert in body["alerts"]:
            labels = alert["labels"]
            if labels["alertname"] == "NeevDeploymentFailed" and alert["status"] == "firing":
                told[labels["deployment"]].append(place.clock.now())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    lanes = LaneParts(store=place.store, clock=place.clock, meter=place.meter, rng=random.Random(2))
    outbox = build_outbox([WebhookConfig(name="hook", url=lambda: url)], lanes, rules=RULES)
    config = place.config(
        discover_seconds=POLL_SECONDS, decide_seconds=60.0, pump_seconds=60.0, rules=RULES
    )
    daemon = place.daemon(config, probe_seconds=300.0, notifier=outbox)
    try:
        await place.live(daemon, ROUNDS * ROUND_SECONDS)
    finally:
        await runner.cleanup()
    return place.direct.truth(), told


@pytest.mark.day
def test_a_failure_is_told_within_a_poll_and_a_second(
    capsys: pytest.CaptureFixture[str],
) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    plans = tuple(DeploymentPlan(name=f"chat-{index:03}") for index in range(DEPLOYMENTS))
    scenario = Scenario(deployments=plans, events=stories(), seed=5)
    truth, told = run_virtual(live(scenario))

    shown = [c for c in truth.status_changes if c.after == "failed"]
    delays = []
    for change in shown:
        answered = [at for at in told[change.name] if change.at <= at < change.at + DOWN_SECONDS]
        delays.append(answered[0] - change.at)
        assert len(answered) == 1, "told once"
    delays.sort()
    p99 = delays[int(0.99 * len(delays))]
    with capsys.disabled():
        print(
            f"\nfailed to 200: {len(delays)} failures of {DEPLOYMENTS} deployments, a poll each"
            f" {POLL_SECONDS:g} s: median {statistics.median(delays):.2f} s, p99 {p99:.2f} s,"
            f" largest {delays[-1]:.2f} s"
        )
    assert len(delays) >= 200
    assert p99 <= POLL_SECONDS + 1.0
