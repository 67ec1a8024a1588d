"""Plays a scenario's events, each at its own instant, however late the ticker wakes."""

from collections.abc import Sequence

from autoscaler.emulator.lifecycle import Unit
from autoscaler.emulator.platform import Platform
from autoscaler.emulator.scenario import Deed, Event


class Script:
    """The events that are still to come."""

    def __init__(self, events: Sequence[Event], platform: Platform) -> None:
        self._platform = platform
        self._start = platform.timeline.started_at
        self._coming = sorted(events, key=lambda event: event.at_seconds)

    def next_at(self) -> float | None:
        """Instant of the next event; None = none is left."""
        return self._start + self._coming[0].at_seconds if self._coming else None

    def play(self) -> None:
        """Carry out every event that is due."""
        now = self._platform.now()
        while (at := self.next_at()) is not None and at <= now:
            event = self._coming.pop(0)
            unit = self._platform.named(event.deployment)
            if unit is not None:
                self._carry_out(event, unit, at)

    def _carry_out(self, event: Event, unit: Unit, at: float) -> None:
        unit.advance(at)
        match event.deed:
            case Deed.FAIL:
                unit.fail(at)
            case Deed.RECOVER:
                unit.recover(at)
            case Deed.CRASH:
                unit.crash(at, event.count)
            case Deed.DELETE:
                unit.terminate(at)
            case Deed.SCALE:
                unit.scale(at, event.count)
            case Deed.PRICE:
                if event.price_per_gpu_hour is not None:
                    self._platform.set_price(unit, event.price_per_gpu_hour, at=at)
