"""An emulated platform in this process, with its events and faults."""

from collections.abc import Sequence

from autoscaler.emulator.direct_faults import Struck
from autoscaler.emulator.faults import FaultPlan, Operation
from autoscaler.emulator.ledger import Truth
from autoscaler.emulator.lifecycle import Unit
from autoscaler.emulator.platform import Platform
from autoscaler.emulator.scenario import Event, Scenario
from autoscaler.emulator.script import Script
from autoscaler.emulator.timeline import Timeline
from autoscaler.ports import Clock

ORIGIN = "http://127.0.0.1:1"
"""Stands in endpoint URLs while nothing is served; nobody connects to it."""


class DirectPlatform:
    """An emulated platform in this process, its events and its faults. Nothing runs by itself:
    whoever asks brings it up to date first.
    """

    def __init__(
        self,
        platform: Platform,
        faults: FaultPlan,
        *,
        clock: Clock,
        events: Sequence[Event] = (),
    ) -> None:
        self.platform = platform
        self.faults = faults
        self.clock = clock
        self._script = Script(events, platform)
        platform.origin = platform.origin or ORIGIN

    @classmethod
    def build(cls, scenario: Scenario, *, clock: Clock) -> "DirectPlatform":
        """Make the platform of a scenario, with all its events and faults."""
        timeline = Timeline(clock)
        faults = FaultPlan(origin=timeline.started_at)
        for fault in scenario.faults:
            faults.add(fault)
        return cls(Platform(scenario, timeline), faults, clock=clock, events=scenario.events)

    def strike(self, operation: Operation, units: Sequence[Unit] = ()) -> Struck:
        """Draw the faults of one call on these deployments: once per call."""
        return Struck.draw(self.faults, operation, at=self.platform.now(), units=units)

    def advance(self) -> None:
        """Let everything up to now happen, events at their own instants."""
        self._script.play()
        self.platform.advance()

    def advance_one(self, unit: Unit) -> None:
        """Let everything up to now happen to one deployment, which is all that its probe sees."""
        self._script.play()
        self.platform.advance_one(unit)

    def truth(self) -> Truth:
        """Advance to now and return the ledger."""
        self.advance()
        return self.platform.truth()
