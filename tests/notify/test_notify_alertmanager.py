"""Alertmanager: every replica, ends ahead of repeats, labels that stay, batches half refused."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web
from helpers_alerts import fleet, subject, with_status
from helpers_notify import (
    EPOCH,
    RULES,
    Fault,
    Seen,
    Sink,
    message,
    opened,
    parts,
    put,
    row,
    serving,
)

from autoscaler.clock import run_virtual
from autoscaler.core.alerting.engine import evaluate
from autoscaler.core.alerting.rules import ReceiverRule
from autoscaler.core.alerting.state import AlertsState, state_documents
from autoscaler.core.snapshot import Severity
from autoscaler.core.words import Status
from autoscaler.notify.alertmanager import AlertmanagerReceiver
from autoscaler.notify.config import AlertmanagerConfig
from autoscaler.notify.http import Http
from autoscaler.notify.receiver import Attempt, NotDelivered
from autoscaler.ports import Batch


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def rule(seen: Seen) -> web.Response:
    """What Alertmanager 0.3x checks of a posted alert."""
    for alert in seen.json:
        labels = {name: text for name, text in alert["labels"].items() if text}
        if not labels or any(not isinstance(text, str) for text in alert["annotations"].values()):
            return web.Response(status=400, text="bad labels or annotations")
        if instant(alert["endsAt"]) < instant(alert["startsAt"]):
            return web.Response(status=400, text="start time must be before end time")
    return web.Response()


def config(*sinks: Sink, **changes: Any) -> AlertmanagerConfig:
    return AlertmanagerConfig(name="hook", urls=tuple(sink.url for sink in sinks), **changes)


async def post(target: AlertmanagerConfig, *events: str) -> None:
    http = Http(parts().clock)
    try:
        for event in events:
            attempt = Attempt(row=row(event), at=EPOCH + 120)
            await AlertmanagerReceiver(target, http).send(attempt)
    finally:
        await http.close()


async def test_every_replica_is_told() -> None:
    async with serving(Sink(rule=rule)) as one, serving(Sink(rule=rule)) as other:
        await post(config(one, other), "trigger")
    assert one.taken[0].path == other.taken[0].path == "/api/v2/alerts"
    assert one.taken[0].json == other.taken[0].json


async def test_one_replica_that_takes_it_is_enough() -> None:
    async with serving(Sink(always=Fault(status=500))) as one, serving(Sink(rule=rule)) as other:
        await post(config(one, other), "trigger")
    assert len(other.taken) == 1


async def test_none_that_takes_it_is_a_failure_to_be_tried_again() -> None:
    bad, lost = Fault(status=400), Fault(status=503)
    async with serving(Sink(always=bad)) as one, serving(Sink(always=lost)) as other:
        with pytest.raises(NotDelivered, match="503") as caught:
            await post(config(one, other), "trigger")
    assert not caught.value.permanent


async def test_the_end_of_what_fires_lies_ahead_by_four_repeats_and_a_restart() -> None:
    async with serving(Sink(rule=rule)) as sink:
        await post(config(sink), "trigger")
        await post(config(sink, resend_seconds=300.0), "trigger")
    ends = [instant(seen.json[0]["endsAt"]) - (EPOCH + 120) for seen in sink.taken]
    assert ends == [600, 1200]


async def test_what_is_over_ends_when_it_ended_with_the_same_labels_and_start() -> None:
    async with serving(Sink(rule=rule)) as sink:
        await post(config(sink), "trigger", "resolve")
    first, last = (seen.json[0] for seen in sink.taken)
    assert instant(last["endsAt"]) == EPOCH + 90
    assert (first["labels"], first["startsAt"]) == (last["labels"], last["startsAt"])


async def test_a_raised_severity_ends_the_old_labels_in_the_same_post() -> None:
    told = row("escalate")
    before = message("escalate")
    told.payload["previous_severity"] = "warning"
    http = Http(parts().clock)
    async with serving(Sink(rule=rule)) as sink:
        attempt = Attempt(row=told, at=EPOCH + 120)
        await AlertmanagerReceiver(config(sink), http).send(attempt)
    await http.close()
    new, old = sink.taken[0].json
    assert before.alert.severity is Severity.CRITICAL
    assert (new["labels"]["severity"], old["labels"]["severity"]) == ("critical", "warning")
    assert instant(old["endsAt"]) == EPOCH + 120


async def test_a_login_is_sent_and_read_anew() -> None:
    tokens = iter(["first", "second"])
    async with serving(Sink(rule=rule)) as sink:
        await post(config(sink, bearer_token=lambda: next(tokens)), "trigger", "trigger")
        await post(config(sink, username="ada", password=lambda: "pw"), "trigger")
    logins = [seen.headers["Authorization"] for seen in sink.taken]
    assert logins == ["Bearer first", "Bearer second", "Basic YWRhOnB3"]


async def test_a_half_refused_batch_does_not_stop_the_next() -> None:
    http = Http(parts().clock)
    many = [message(deployment=f"chat-{n}") for n in range(130)]
    async with serving(Sink(rule=rule, faults=[Fault(status=400)])) as sink:
        with pytest.raises(NotDelivered):
            await AlertmanagerReceiver(config(sink), http).reconcile(many, EPOCH)
    await http.close()
    assert [len(seen.json) for seen in sink.seen] == [64, 64, 2]


def test_what_fires_is_repeated_each_minute_and_an_end_for_a_quarter_of_an_hour() -> None:
    """The state in the store is the source: a restarted outbox goes on repeating."""

    async def story() -> None:
        seams = parts()
        http = Http(seams.clock)
        state = AlertsState()
        receivers = (ReceiverRule(name="hook"),)
        async with (
            serving(Sink(rule=rule)) as sink,
            opened([AlertmanagerReceiver(config(sink), http)], seams, http) as outbox,
        ):
            for at in range(0, 1800, 30):
                now = EPOCH + at
                status = Status.FAILED if at < 300 else Status.READY
                seen = subject(now, deployment=with_status(status), confirmed_failed=True)
                outcome = evaluate(state, fleet(now, seen), replace(RULES, receivers=receivers))
                documents = state_documents(outcome.state, state)
                seams.store.commit(Batch(documents=documents, notifications=outcome.notifications))
                state = outcome.state
                await outbox.send_due()
                await outbox.drain()
                await asyncio.sleep(30)
        entries = [
            (instant(alert["startsAt"]), instant(alert["endsAt"]))
            for seen in sink.taken
            for alert in seen.json
            if alert["labels"]["alertname"] == "NeevDeploymentFailed"
        ]
        firing = [entry for entry in entries if entry[1] > EPOCH + 400]
        ended = [entry for entry in entries if entry[1] <= EPOCH + 400]
        assert 5 <= len(firing) <= 8
        assert 14 <= len(ended) <= 18
        assert len({start for start, _ in entries}) == 1

    run_virtual(story())


def test_nothing_is_repeated_while_its_trigger_still_waits() -> None:
    async def story() -> None:
        seams = parts()
        http = Http(seams.clock)
        async with (
            serving(Sink(rule=rule, always=Fault(status=503))) as sink,
            opened([AlertmanagerReceiver(config(sink), http)], seams, http) as outbox,
        ):
            put(seams.store, row())
            await outbox.send_due()
            await outbox.drain()
        assert len(sink.seen) == 1

    run_virtual(story())


def test_a_repeat_that_fails_is_no_dead_letter_and_comes_again() -> None:
    async def story() -> None:
        seams = parts()
        http = Http(seams.clock)
        state = AlertsState()
        seen = subject(EPOCH, deployment=with_status(Status.FAILED), confirmed_failed=True)
        rules = replace(RULES, receivers=(ReceiverRule(name="hook"),))
        state = evaluate(state, fleet(EPOCH, seen), rules).state
        seams.store.commit(Batch(documents=state_documents(state)))
        async with (
            serving(Sink(rule=rule, faults=[Fault(status=503)])) as sink,
            opened([AlertmanagerReceiver(config(sink), http)], seams, http) as outbox,
        ):
            for _ in range(3):
                await outbox.send_due()
                await outbox.drain()
                await asyncio.sleep(61)
            assert outbox.receivers()[0].dead_letters == 0
        assert (len(sink.seen), len(sink.taken)) == (3, 2)

    run_virtual(story())
