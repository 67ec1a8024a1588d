"""What goes wrong at a receiver, and how it is tried again."""

from helpers_notify import (
    EPOCH,
    Fault,
    RecordingMeter,
    Sink,
    put,
    row,
)
from helpers_outbox import ids, kinds, play, run_for

from autoscaler.notify.lane import LaneParts
from autoscaler.notify.outbox import Outbox


def test_a_repeat_after_a_500_carries_the_same_id() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        sink.faults = [Fault(status=500), Fault(status=503)]
        put(seams.store, row())
        await run_for(outbox, 30)
        assert len(sink.seen) == 3
        assert len(set(ids(sink.seen))) == 1
        assert kinds(sink) == ["firing"]

    play(story)


def test_a_429_waits_for_the_seconds_it_names() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        sink.faults = [Fault(status=429, headers={"Retry-After": "40"})]
        put(seams.store, row())
        await run_for(outbox, 39)
        assert len(sink.seen) == 1
        await run_for(outbox, 5)
        assert kinds(sink) == ["firing"]

    play(story)


def test_a_429_waits_until_the_date_it_names() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        # EPOCH is Fri, 15 Jan 2027 08:00:00 GMT.
        sink.faults = [Fault(status=429, headers={"Retry-After": "Fri, 15 Jan 2027 08:01:30 GMT"})]
        put(seams.store, row())
        await run_for(outbox, 89)
        assert len(sink.seen) == 1
        await run_for(outbox, 5)
        assert kinds(sink) == ["firing"]

    play(story)


def test_a_rate_limited_receiver_is_left_alone_for_other_alerts_too() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        sink.faults = [Fault(status=429, headers={"Retry-After": "20"})]
        put(seams.store, row(deployment="chat-a"))
        await run_for(outbox, 1)
        put(seams.store, row(deployment="chat-b"))
        await run_for(outbox, 15)
        assert len(sink.seen) == 1
        await run_for(outbox, 10)
        assert len(sink.taken) == 2

    play(story)


def test_a_hang_ends_at_the_deadline_and_is_tried_again() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        sink.faults = [Fault(how="hang")]
        put(seams.store, row())
        await run_for(outbox, 30)
        assert kinds(sink) == ["firing"]
        assert isinstance(seams.meter, RecordingMeter)
        assert [failure for _, _, failure in seams.meter.notifications] == ["timeout", None]

    play(story)


def test_a_reset_connection_is_tried_again() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        sink.faults = [Fault(how="reset"), Fault(how="reset")]
        put(seams.store, row())
        await run_for(outbox, 30)
        assert kinds(sink) == ["firing"]
        assert isinstance(seams.meter, RecordingMeter)
        assert seams.meter.notifications[0] == ("hook", "trigger", "network")

    play(story)


def test_a_redirect_is_not_followed() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        sink.always = Fault(status=307, headers={"Location": sink.url + "/elsewhere"})
        put(seams.store, row())
        await run_for(outbox, 3)
        assert {seen.path for seen in sink.seen} == {"/"}
        assert sink.taken == []

    play(story)


def test_a_receiver_that_is_down_for_an_hour_gets_everything_once_afterwards() -> None:
    """Ten deployments fail, five of them recover meanwhile; nothing is lost, nothing doubled."""

    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        sink.always = Fault(status=502)
        put(seams.store, *(row(deployment=f"chat-{n}") for n in range(10)))
        await run_for(outbox, 1800, every=60)
        ends = [row("resolve", deployment=f"chat-{n}", at=EPOCH + 1800) for n in range(5)]
        put(seams.store, *ends)
        await run_for(outbox, 1800, every=60)
        tries_while_down = len(sink.seen)
        assert outbox.receivers()[0].circuit_open
        sink.always = None
        await run_for(outbox, 120)
        assert tries_while_down < 100, "an open circuit tries once a minute"
        assert sorted(kinds(sink)) == ["firing"] * 5 + ["resolved"] * 5
        over = [seen.json for seen in sink.taken if seen.json["type"] == "alert.resolved"]
        assert all(told["data"]["collapsed"] for told in over)
        assert len(set(ids(sink.taken))) == 10
        assert seams.store.queued() == []

    play(story)
