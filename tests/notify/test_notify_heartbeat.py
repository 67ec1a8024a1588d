"""The sign of life: sent while all is well, silent otherwise, and never a reason to stop."""

import asyncio

from helpers_notify import EPOCH, Fault, Sink, serving

from autoscaler.clock import LoopClock, run_virtual
from autoscaler.notify.config import HeartbeatConfig
from autoscaler.notify.heartbeat import Heartbeat
from autoscaler.notify.http import Http


def beats(sink: Sink, *, healthy: list[bool]) -> None:
    """Beat once a second for as many seconds as there are answers to `healthy`."""

    async def story() -> None:
        clock = LoopClock(EPOCH)
        http = Http(clock)
        answers = iter(healthy)
        async with serving(sink):
            config = HeartbeatConfig(url=lambda: sink.url, every_seconds=60)
            heartbeat = Heartbeat(config, http, clock, healthy=lambda: next(answers))
            for _ in range(len(healthy)):
                await heartbeat.beat_once()
                await asyncio.sleep(61)
        await http.close()

    run_virtual(story())


def test_it_beats_each_interval_while_healthy() -> None:
    sink = Sink()
    beats(sink, healthy=[True] * 5)
    assert len(sink.taken) == 5


def test_it_is_silent_while_the_loops_are_not_healthy() -> None:
    sink = Sink()
    beats(sink, healthy=[True, False, False, True])
    assert len(sink.taken) == 2


def test_a_switch_that_does_not_answer_stops_nothing() -> None:
    sink = Sink(faults=[Fault(status=500), Fault(how="reset")])
    beats(sink, healthy=[True] * 4)
    assert (len(sink.seen), len(sink.taken)) == (4, 2)


def test_it_beats_no_more_often_than_told() -> None:
    async def story() -> None:
        clock, sink = LoopClock(EPOCH), Sink()
        http = Http(clock)
        async with serving(sink):
            config = HeartbeatConfig(url=lambda: sink.url, every_seconds=60)
            heartbeat = Heartbeat(config, http, clock, healthy=lambda: True)
            for _ in range(120):
                await heartbeat.beat_once()
                await asyncio.sleep(1)
        await http.close()
        assert len(sink.taken) == 2

    run_virtual(story())
