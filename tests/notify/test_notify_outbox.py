"""The outbox: order, collapse, dead letters, isolation; on virtual time, over real HTTP."""

from dataclasses import replace

from helpers_notify import (
    EPOCH,
    Fault,
    Sink,
    opened,
    parts,
    put,
    row,
    serving,
)
from helpers_outbox import ids, kinds, play, run_for

from autoscaler.clock import run_virtual
from autoscaler.core.model import Json
from autoscaler.core.snapshot import Severity
from autoscaler.notify.config import WebhookConfig
from autoscaler.notify.http import Http
from autoscaler.notify.lane import AT_ONCE, LaneParts
from autoscaler.notify.outbox import Outbox
from autoscaler.notify.receiver import Attempt
from autoscaler.notify.webhook import WebhookReceiver


def test_rows_of_one_alert_are_sent_in_order() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        put(seams.store, row("trigger"))
        await run_for(outbox, 1)
        put(seams.store, row("reminder", sequence=1), row("resolve", sequence=2))
        await run_for(outbox, 1)
        assert [seen.json["data"]["sequence"] for seen in sink.taken] == [0, 1, 2]
        assert kinds(sink) == ["firing", "firing", "resolved"]
        assert seams.store.queued() == []

    play(story)


def test_in_a_storm_a_critical_alert_waits_behind_no_warning() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        warnings = [row(deployment=f"w{n}", severity=Severity.WARNING) for n in range(20)]
        put(seams.store, *warnings, row(deployment="c"))
        await run_for(outbox, 2)
        told = [seen.json["data"]["alert"]["deployment"] for seen in sink.taken]
        assert len(told) == 21
        assert "c" in told[:AT_ONCE]

    play(story)


def test_an_end_follows_its_trigger_uncollapsed_where_that_got_through() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        put(seams.store, row())
        await run_for(outbox, 2)
        put(seams.store, row("resolve", at=EPOCH + 2))
        await run_for(outbox, 2)
        assert [seen.json["data"]["collapsed"] for seen in sink.taken] == [False, False]

    play(story)


def test_a_warning_that_is_over_within_the_group_wait_is_told_once() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        waits = replace(row(severity=Severity.WARNING), next_attempt_at=EPOCH + 30)
        put(seams.store, waits, row("resolve", severity=Severity.WARNING))
        await run_for(outbox, 29)
        assert sink.taken == []
        await run_for(outbox, 5)
        assert kinds(sink) == ["resolved"]
        assert sink.taken[0].json["data"]["collapsed"]

    play(story)


def test_a_refused_row_is_a_dead_letter_and_its_end_tells_both() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        sink.faults = [Fault(status=400, text="no such field")]
        put(seams.store, row())
        await run_for(outbox, 2)
        view = outbox.receivers()[0]
        assert (view.dead_letters, view.queued) == (1, 0)
        assert "400" in view.last_error
        put(seams.store, row("resolve", at=EPOCH + 2))
        await run_for(outbox, 2)
        assert sink.taken[0].json["data"]["collapsed"]

    play(story)


def test_dead_letters_are_counted_over_a_restart() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        sink.faults = [Fault(status=400)]
        put(seams.store, row())
        await run_for(outbox, 2)
        config = WebhookConfig(name="hook", url=lambda: sink.url)
        again = [WebhookReceiver(config, Http(seams.clock))]
        async with opened([*again], seams) as restarted:
            assert restarted.receivers()[0].dead_letters == 1

    play(story)


def test_a_row_that_is_too_old_is_given_up() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        put(seams.store, row(at=EPOCH - 73 * 3600))
        await run_for(outbox, 2)
        assert sink.seen == []
        assert outbox.receivers()[0].dead_letters == 1

    play(story)


def test_rows_of_a_receiver_that_is_no_longer_configured_are_given_up() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        put(seams.store, row(receiver="gone"))
        await run_for(outbox, 2)
        assert seams.store.queued() == []

    play(story)


def test_410_says_that_the_receiver_should_be_removed() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        sink.faults = [Fault(status=410)]
        put(seams.store, row())
        await run_for(outbox, 2)
        assert "remove the receiver" in outbox.receivers()[0].last_error

    play(story)


def test_a_receiver_that_hangs_holds_up_no_other() -> None:
    async def main() -> None:
        seams = parts()
        http = Http(seams.clock)
        async with serving(Sink(always=Fault(how="hang"))) as slow, serving(Sink()) as quick:
            receivers = [
                WebhookReceiver(WebhookConfig(name="slow", url=lambda: slow.url), http),
                WebhookReceiver(WebhookConfig(name="quick", url=lambda: quick.url), http),
            ]
            async with opened([*receivers], seams, http) as outbox:
                put(seams.store, row(receiver="slow"), row(receiver="quick"))
                await outbox.send_due()
                put(seams.store, row(receiver="quick", deployment="chat-b"))
                await outbox.send_due()
                assert len(quick.taken) == 2
                assert seams.clock.now() - EPOCH <= 1.5

    run_virtual(main())


def test_a_broken_receiver_is_counted_and_tried_again() -> None:
    class Broken:
        name, kind, collapses = "hook", "broken", True
        tries = 0

        async def send(self, attempt: Attempt) -> dict[str, Json]:
            self.tries += 1
            if self.tries == 1:
                raise ZeroDivisionError
            return {}

    async def main() -> None:
        seams = parts()
        broken = Broken()
        async with opened([broken], seams) as outbox:
            put(seams.store, row())
            await run_for(outbox, 5)
        assert broken.tries == 2
        assert seams.store.queued() == []

    run_virtual(main())


def test_a_crash_between_send_and_record_repeats_the_same_key() -> None:
    """The row is sent, the process dies before the store knows: the next one sends it again."""

    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        put(seams.store, row())
        await run_for(outbox, 1)
        fresh = parts()
        put(fresh.store, row())
        config = WebhookConfig(name="hook", url=lambda: sink.url, shape="neev.v1")
        http = Http(fresh.clock)
        async with opened([WebhookReceiver(config, http)], fresh, http) as restarted:
            await run_for(restarted, 1)
        assert len(sink.taken) == 2
        assert len(set(ids(sink.taken))) == 1

    play(story)


def test_a_row_that_cannot_be_read_is_given_up_and_stops_no_other() -> None:
    async def story(outbox: Outbox, sink: Sink, seams: LaneParts) -> None:
        put(seams.store, replace(row(), payload={"nonsense": 1}), row(deployment="chat-b"))
        await run_for(outbox, 2)
        assert outbox.receivers()[0].dead_letters == 1
        assert kinds(sink) == ["firing"]

    play(story)
