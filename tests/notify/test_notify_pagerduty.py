"""PagerDuty: one incident per episode, escalation in it, changes beside it, ends told again."""

import asyncio

import pytest
from helpers_notify import Fault, Sink, change_row, message, opened, parts, put, row, serving
from helpers_services import ROUTING_KEY, PagerDuty

from autoscaler.clock import run_virtual
from autoscaler.core.alerting.state import AlertsState, Record, state_documents
from autoscaler.core.snapshot import AlertState, Severity
from autoscaler.notify.config import PagerdutyConfig
from autoscaler.notify.http import Http
from autoscaler.notify.pagerduty import PagerdutyReceiver, alert_event, dedup_key
from autoscaler.notify.receiver import Attempt, NotDelivered
from autoscaler.ports import Batch


def receiver(url: str, http: Http, key: str = ROUTING_KEY) -> PagerdutyReceiver:
    return PagerdutyReceiver(PagerdutyConfig(name="hook", routing_key=lambda: key, url=url), http)


async def send(service: PagerDuty, *events: str, **changes: object) -> None:
    seams = parts()
    http = Http(seams.clock)
    async with serving(Sink(rule=service)) as sink:
        target = receiver(sink.url, http)
        for event in events:
            told = change_row() if event == "change" else row(event, **changes)  # type: ignore[arg-type]  # shorthand
            await target.send(Attempt(row=told, at=0.0))
    await http.close()


async def test_a_trigger_opens_an_incident_and_its_end_resolves_it() -> None:
    service = PagerDuty()
    await send(service, "trigger", "resolve")
    assert len(service.opened) == len(service.resolved) == 1
    assert service.open == {}


async def test_repeats_and_escalations_land_in_the_same_incident() -> None:
    service = PagerDuty()
    await send(service, "trigger", "trigger", "escalate")
    assert list(service.open.values()) == [3]


async def test_a_scale_action_is_a_change_event() -> None:
    service = PagerDuty()
    await send(service, "change")
    assert service.changes[0]["summary"] == "chat-a: 2 → 4 replicas (scale_up_slo)"
    assert service.changes[0]["custom_details"]["because"] == "Load needs 3.4 replicas."


async def test_a_wrong_routing_key_is_refused_for_good_with_its_reason() -> None:
    http = Http(parts().clock)
    async with serving(Sink(rule=PagerDuty())) as sink:
        with pytest.raises(NotDelivered, match="Invalid routing key") as caught:
            await receiver(sink.url, http, "wrong").send(Attempt(row=row(), at=0.0))
    await http.close()
    assert caught.value.permanent


@pytest.mark.parametrize("severity", list(Severity))
async def test_every_severity_is_one_that_pagerduty_knows(severity: Severity) -> None:
    service = PagerDuty()
    await send(service, "trigger", severity=severity)
    assert len(service.opened) == 1


async def test_long_texts_and_details_are_cut_and_never_refused() -> None:
    service = PagerDuty()
    evidence = {f"fact-{n}": "x" * 3000 for n in range(250)}
    await send(service, "trigger", summary="y" * 4000, evidence=evidence)
    assert len(service.opened) == 1


def test_the_event_names_component_group_class_and_links() -> None:
    event = alert_event(message())
    payload = event["payload"]
    assert isinstance(payload, dict)
    assert (payload["component"], payload["group"]) == ("chat-a", "p-1")
    assert payload["class"] == "NeevDeploymentFailed"
    assert event["client_url"]
    assert event["links"]


def record(*, episode: int = 1, resolved: bool = True) -> Record:
    told = message("resolve" if resolved else "trigger", episode=episode).alert
    return Record(
        name=told.name,
        project=told.project,
        deployment=told.deployment,
        deployment_id="dep-chat-a",
        dimension="",
        fingerprint=told.fingerprint,
        episode=episode,
        severity=told.severity,
        state=AlertState.RESOLVED if resolved else AlertState.FIRING,
        started_at=told.started_at,
        fired_at=told.fired_at,
        resolved_at=told.resolved_at,
        data_at=told.started_at,
        told=("hook",),
        end_told=resolved,
    )


def test_an_incident_left_open_is_resolved_by_reconciliation() -> None:
    """The service lost our resolve (or we our memory of it): within ten minutes it comes again."""

    async def story() -> None:
        service, seams = PagerDuty(), parts()
        http = Http(seams.clock)
        ended = record()
        service.open[dedup_key(message("resolve").alert)] = 1
        seams.store.commit(
            Batch(documents=state_documents(AlertsState(records={ended.fingerprint: ended})))
        )
        async with (
            serving(Sink(rule=service)) as sink,
            opened([receiver(sink.url, http)], seams, http) as outbox,
        ):
            await outbox.send_due()
            await outbox.drain()
        assert service.open == {}

    run_virtual(story())


def test_a_late_end_of_an_old_episode_does_not_close_the_new_incident() -> None:
    async def story() -> None:
        service, seams = PagerDuty(), parts()
        http = Http(seams.clock)
        async with serving(Sink(rule=service)) as sink:
            target = receiver(sink.url, http)
            await target.send(Attempt(row=row("trigger", episode=2), at=0.0))
            await target.reconcile([message("resolve", episode=1)], 0.0)
        await http.close()
        assert len(service.open) == 1

    run_virtual(story())


def test_trigger_and_end_that_waited_come_in_order_and_not_as_one() -> None:
    async def story() -> None:
        service, seams = PagerDuty(), parts()
        http = Http(seams.clock)
        async with (
            serving(Sink(rule=service, faults=[Fault(status=429)] * 3)) as sink,
            opened([receiver(sink.url, http)], seams, http) as outbox,
        ):
            put(seams.store, row("trigger"), row("resolve"))
            for _ in range(90):
                await outbox.send_due()
                await asyncio.sleep(1)
        assert len(service.opened) == len(service.resolved) == 1

    run_virtual(story())
