"""When to probe what: an open loop on a jittered grid. Pure; both clocks are handed in.

Open loop means that a slow answer does not delay the next question: what cannot be sent is counted
(overlap, missed), never silently dropped, or the worst moments would leave the fewest samples
(coordinated omission). Each deployment has its own place in the interval, by a hash of its id, so
that a fleet is probed evenly; each probe is moved by up to 30 % of its interval, so that no rhythm
of the load's can hide between them.

The grid lives on the monotonic clock: a stepped wall clock neither floods nor starves anybody.
"""

import heapq
import zlib
from dataclasses import dataclass, field
from typing import Final

from autoscaler.core.model import Decision, Deployment
from autoscaler.ports import Due, Meter
from autoscaler.probes.cadence import Pace, pace_of
from autoscaler.probes.config import LIVENESS, SHORT, Profile, ScheduleConfig

LATE_SECONDS: Final = 1.0
"""Delay from which a probe that was sent counts as late."""
RETRY_SECONDS: Final = 1.0
"""A probe of another profile that met a probe in flight steps aside for so long: it is rare, and
has no grid to keep.
"""


@dataclass(slots=True)
class Counts:
    """What became of the places on the grid."""

    sent: int = 0
    late: int = 0
    """Of those sent: by more than a second."""
    overlap: int = 0
    """Not sent, because the one before was still in flight."""
    missed: int = 0
    """Not sent, because nobody asked in time: the process stood still."""


@dataclass(slots=True, eq=False)
class _Track:
    """One profile of one deployment on its grid."""

    profile: str
    nominal: float
    """Its next place on the grid, before jitter; monotonic."""
    due: float
    """The same with jitter."""
    interval: float
    last: float = float("-inf")
    """The place before."""
    adaptive: bool = True
    steps: int = 0
    """Places so far: varies the jitter."""


@dataclass(slots=True, eq=False)
class _Plan:
    """One deployment."""

    name: str
    pace: Pace
    tracks: dict[str, _Track] = field(default_factory=dict)
    in_flight: dict[int, float] = field(default_factory=dict)
    """Number of each probe in flight, and the monotonic second since which."""


class ProbeSchedule:
    """Satisfies `ports.ProbePlan`."""

    def __init__(self, config: ScheduleConfig, meter: Meter, *, seed: int = 0) -> None:
        """`seed` varies the jitter, nothing else."""
        self._config = config
        self._meter = meter
        self._seed = seed
        self._plans: dict[str, _Plan] = {}
        self._queue: list[tuple[float, int, str, _Track]] = []
        """(due, number, deployment id, track); an entry whose due is not its track's is stale."""
        self._numbers = 0
        self.counts = Counts()

    def watch(self, deployment: Deployment, decision: Decision | None, *, monotonic: float) -> None:
        """Keep probing `deployment`, at the pace that its latest decision asks for."""
        pace = pace_of(decision)
        plan = self._plans.get(deployment.id)
        if plan is None:
            plan = self._plans[deployment.id] = _Plan(deployment.name, pace)
            self._lay_tracks(deployment, plan, monotonic)
            return
        plan.name = deployment.name
        if pace is not plan.pace:
            plan.pace = pace
            self._change_pace(deployment.id, plan, monotonic)

    def unwatch(self, deployment_id: str) -> None:
        """Stop probing it; what is in flight ends as it will."""
        self._plans.pop(deployment_id, None)

    def due(self, monotonic: float, *, now: float) -> list[Due]:
        """What to send now, oldest first; each is taken for in flight until `finished`."""
        sent: list[Due] = []
        while self._queue and self._queue[0][0] <= monotonic:
            due, _, deployment_id, track = heapq.heappop(self._queue)
            plan = self._plans.get(deployment_id)
            if plan is None or plan.tracks.get(track.profile) is not track or due != track.due:
                continue
            one = self._take(deployment_id, plan, track, monotonic=monotonic, now=now)
            if one is not None:
                sent.append(one)
        return sent

    def started(self, due: Due, *, monotonic: float) -> None:
        """The probe was sent."""
        self.counts.sent += 1
        plan = self._plans.get(due.deployment_id)
        if plan is not None and due.number in plan.in_flight:
            plan.in_flight[due.number] = monotonic

    def finished(self, due: Due) -> None:
        """The probe ended, however it ended."""
        plan = self._plans.get(due.deployment_id)
        if plan is not None:
            plan.in_flight.pop(due.number, None)

    def interval_seconds(self, deployment_id: str) -> float | None:
        """Cadence of the short profile in force; None = not watched."""
        plan = self._plans.get(deployment_id)
        return None if plan is None else self._config.probe_seconds * plan.pace.interval_ratio

    def in_flight_since(self, deployment_id: str) -> float | None:
        """Monotonic second since which its oldest probe is in flight; None = none is."""
        plan = self._plans.get(deployment_id)
        return None if plan is None else min(plan.in_flight.values(), default=None)

    def next_at(self) -> float | None:
        """Monotonic second of the next due probe; None = nothing is watched."""
        while self._queue:
            due, _, deployment_id, track = self._queue[0]
            plan = self._plans.get(deployment_id)
            if plan is not None and plan.tracks.get(track.profile) is track and due == track.due:
                return due
            heapq.heappop(self._queue)
        return None

    def _take(
        self, deployment_id: str, plan: _Plan, track: _Track, *, monotonic: float, now: float
    ) -> Due | None:
        """Hand out one place on the grid, or count why not; moves the track on in any case."""
        scheduled = self._pass_over(plan, track, monotonic)
        is_other = track.profile != SHORT.name
        is_busy = len(plan.in_flight) >= plan.pace.in_flight
        rests = is_other and plan.pace.short_only
        if is_other and is_busy and not rests:
            track.due = monotonic + RETRY_SECONDS
            self._push(deployment_id, track)
            return None
        self._move_on(deployment_id, track, monotonic)
        if rests:
            return None
        if is_busy:
            self.counts.overlap += 1
            self._meter.probe_skipped(plan.name, "overlap")
            return None
        if monotonic - scheduled > LATE_SECONDS:
            self.counts.late += 1
        self._numbers += 1
        plan.in_flight[self._numbers] = monotonic
        return Due(
            deployment_id=deployment_id,
            profile=track.profile,
            scheduled_at=now - (monotonic - scheduled),
            number=self._numbers,
        )

    def _pass_over(self, plan: _Plan, track: _Track, monotonic: float) -> float:
        """Skip whole intervals that nobody asked in; returns the place that is due now."""
        missed = max(0, int((monotonic - track.due) / track.interval))
        track.nominal += missed * track.interval
        self.counts.missed += missed
        for _ in range(missed):
            self._meter.probe_skipped(plan.name, "late")
        return track.due + missed * track.interval

    def _lay_tracks(self, deployment: Deployment, plan: _Plan, monotonic: float) -> None:
        config = self._config
        for profile in config.profiles:
            if profile.match.fits(deployment):
                self._lay(deployment.id, plan, profile, monotonic=monotonic)
        if config.liveness_seconds is not None:
            liveness = Profile(
                name=LIVENESS, prompt_tokens=0, interval_seconds=config.liveness_seconds
            )
            self._lay(deployment.id, plan, liveness, monotonic=monotonic)

    def _lay(self, deployment_id: str, plan: _Plan, profile: Profile, *, monotonic: float) -> None:
        own = profile.interval_seconds
        interval = own or self._config.probe_seconds * plan.pace.interval_ratio
        place = zlib.crc32(f"{deployment_id}/{profile.name}".encode()) / 2**32
        nominal = monotonic + place * interval
        track = _Track(profile.name, nominal, nominal, interval, adaptive=own is None)
        plan.tracks[profile.name] = track
        self._push(deployment_id, track)

    def _change_pace(self, deployment_id: str, plan: _Plan, monotonic: float) -> None:
        """A shorter interval pulls the next probe forward; a longer one begins after it."""
        for track in plan.tracks.values():
            if not track.adaptive:
                continue
            track.interval = self._config.probe_seconds * plan.pace.interval_ratio
            nearer = max(monotonic, track.last + track.interval)
            if nearer < track.nominal:
                track.nominal = nearer
                track.due = max(monotonic, nearer + self._jitter(deployment_id, track))
                self._push(deployment_id, track)

    def _move_on(self, deployment_id: str, track: _Track, monotonic: float) -> None:
        if not track.adaptive:  # it may have stepped aside for long; it has no arrears to make up
            track.nominal = max(track.nominal, monotonic - track.interval)
        track.last = track.nominal
        track.nominal += track.interval
        track.steps += 1
        track.due = max(monotonic, track.nominal + self._jitter(deployment_id, track))
        self._push(deployment_id, track)

    def _jitter(self, deployment_id: str, track: _Track) -> float:
        key = f"{self._seed}/{deployment_id}/{track.profile}/{track.steps}"
        unit = zlib.crc32(key.encode()) / 2**31 - 1
        return self._config.jitter_ratio * track.interval * unit

    def _push(self, deployment_id: str, track: _Track) -> None:
        self._numbers += 1
        heapq.heappush(self._queue, (track.due, self._numbers, deployment_id, track))
