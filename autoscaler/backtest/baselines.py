"""The peers, each from its source to the constant, each given what it would really see.

They decide from true request rates, queue lengths and engine counters, which a prober never sees.
Every one has a single `target` to sweep, so that frontiers are compared and nobody is judged by a
badly chosen number. Sources and versions: research notes policy.md 2 (read in the projects'
repositories, November 2026).
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from autoscaler.backtest.slots import View
from autoscaler.backtest.trace import SLOT_SECONDS


def _slots(seconds: float) -> int:
    """Return a duration in whole slots, at least one."""
    return max(1, round(seconds / SLOT_SECONDS))


@dataclass(slots=True)
class Window:
    """The values of the last `seconds`, one per slot."""

    seconds: float
    values: deque[float] = field(init=False)

    def __post_init__(self) -> None:
        self.values = deque(maxlen=_slots(self.seconds))

    def add(self, value: float) -> None:
        """Append the newest."""
        self.values.append(value)

    @property
    def mean(self) -> float:
        """Average of what is held; 0 before the first value."""
        return sum(self.values) / len(self.values) if self.values else 0.0

    @property
    def top(self) -> float:
        """Largest value held."""
        return max(self.values, default=0.0)


@dataclass(slots=True)
class Hpa:
    """Kubernetes HPA v2 on an AverageValue metric (replica_calculator.go, horizontal.go).

    Every 15 s: within 10 % of the target nothing happens, else ceil(sum / target). Up at most the
    larger of 100 % and 4 pods per 15 s; down at most 100 % per 15 s, on the largest recommendation
    of 300 s.
    """

    metric: Callable[[View], float]
    target: float
    stabilisation: Window = field(default_factory=lambda: Window(300.0))

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        return self.recommend(view, self.metric(view))

    def recommend(self, view: View, total: float) -> int:
        """Apply the HPA's rules to a metric summed over all pods."""
        wanted = view.wanted
        if abs(1.0 - total / (self.target * wanted)) > 0.1:
            wanted = max(1, math.ceil(total / self.target))
        self.stabilisation.add(wanted)
        if wanted > view.wanted:
            return min(wanted, view.wanted + max(view.wanted, 4))
        return min(view.wanted, int(self.stabilisation.top))


def hpa_concurrency(target: float) -> Hpa:
    """Return an HPA on requests in the system per pod."""
    return Hpa(metric=lambda view: view.concurrency, target=target)


def hpa_queue(target: float) -> Hpa:
    """Return an HPA on requests waiting per pod: it sees a need only once it is unmet."""
    return Hpa(metric=lambda view: view.waiting, target=target)


@dataclass(slots=True)
class Keda:
    """KEDA on `vllm:num_requests_waiting` beside KV use (llm-d's example): polled every 30 s, HPA
    below.

    Scalers: waiting requests per replica at `target`, KV use at 60 %; the largest wins.
    """

    target: float
    hpa: Hpa = field(init=False)
    polled: float = 0.0

    def __post_init__(self) -> None:
        self.hpa = Hpa(metric=lambda view: view.waiting, target=self.target)

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        if view.slot % 2 == 0:
            by_usage = self.target * view.ready * view.usage / 0.6
            self.polled = max(view.waiting, by_usage)
        return self.hpa.recommend(view, self.polled)


@dataclass(slots=True)
class KnativeKpa:
    """Knative's KPA on concurrency (autoscaler.go): stable window 60 s, panic window 6 s (one slot
    here).

    Panic from twice the ready capacity on, left 60 s after; in panic the count never falls. Up at
    most x1000, down at most to a half, per tick; the target is used to 70 %.
    """

    target: float
    stable: Window = field(default_factory=lambda: Window(60.0))
    panic_until: float = -1.0
    panic_pods: int = 0

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        self.stable.add(view.concurrency)
        usable = self.target * 0.7
        ready = max(1, view.ready)
        calm = math.ceil(self.stable.mean / usable)
        hasty = math.ceil(view.concurrency / usable)
        calm, hasty = (min(max(n, ready // 2), 1000 * ready) for n in (calm, hasty))
        if hasty / ready >= 2.0:
            if view.at > self.panic_until:
                self.panic_pods = 0
            self.panic_until = view.at + 60.0
        if view.at <= self.panic_until:
            self.panic_pods = max(self.panic_pods, calm, hasty)
            return self.panic_pods
        return max(1, calm)


@dataclass(slots=True)
class RayServe:
    """Ray Serve on ongoing requests (autoscaling_policy.py): look-back 30 s, up after 30 s, down
    after 600 s.
    """

    target: float
    ongoing: Window = field(default_factory=lambda: Window(30.0))
    up_for: int = 0
    down_for: int = 0

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        self.ongoing.add(view.concurrency)
        wanted = max(1, math.ceil(self.ongoing.mean / self.target))
        self.up_for = self.up_for + 1 if wanted > view.wanted else 0
        self.down_for = self.down_for + 1 if wanted < view.wanted else 0
        if self.up_for > _slots(30.0) or self.down_for > _slots(600.0):
            self.up_for = self.down_for = 0
            return wanted
        return view.wanted


@dataclass(slots=True)
class AwsTargetTracking:
    """AWS Application Auto Scaling target tracking on concurrency per copy.

    AlarmHigh: above the target in 3 periods of 60 s; AlarmLow: below 90 % of it in 15 periods.
    Proportional, rounded up; a scale-in waits 300 s after any scaling activity.
    """

    target: float
    minute: Window = field(default_factory=lambda: Window(60.0))
    periods: deque[float] = field(default_factory=lambda: deque(maxlen=15))
    last: float = -1e9

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        self.minute.add(view.concurrency / view.ready)
        if view.slot % _slots(60.0):
            return view.wanted
        self.periods.append(self.minute.mean)
        recent = list(self.periods)
        metric = recent[-1]
        wanted = max(1, math.ceil(view.ready * metric / self.target))
        high = len(recent) >= 3 and min(recent[-3:]) > self.target
        low = len(recent) == 15 and max(recent) < 0.9 * self.target
        if high and wanted > view.wanted:
            self.last = view.at
            return wanted
        if low and wanted < view.wanted and view.at - self.last >= 300.0:
            self.last = view.at
            return wanted
        return view.wanted


@dataclass(slots=True)
class SkyServe:
    """SkyServe on requests a second per replica, over 60 s: up after 300 s, down after 1200 s."""

    target: float
    rate: Window = field(default_factory=lambda: Window(60.0))
    up_for: int = 0
    down_for: int = 0

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        self.rate.add(view.rate)
        wanted = max(1, math.ceil(self.rate.mean / self.target))
        self.up_for = self.up_for + 1 if wanted > view.wanted else 0
        self.down_for = self.down_for + 1 if wanted < view.wanted else 0
        if self.up_for >= _slots(300.0) or self.down_for >= _slots(1200.0):
            self.up_for = self.down_for = 0
            return wanted
        return view.wanted


@dataclass(slots=True)
class DynamoPlanner:
    """NVIDIA Dynamo's planner: a load loop between bounds of a throughput loop.

    Throughput, every 180 s: replicas >= predicted rate / rate per engine at the SLO. Load, each
    tick: +1 if every engine predicts a latency above the SLO; -1 if each would hold 0.8 of it at
    load N/(N-1); while replicas are pending it only observes. `target` scales the SLO that both
    loops see.
    """

    target: float
    alpha_seconds: float
    itl_seconds: float
    ttft_seconds: float
    rates: Window = field(default_factory=lambda: Window(180.0))
    floor: int = 1

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        self.rates.add(view.rate)
        limit = self.itl_seconds * self.target
        if view.slot % _slots(180.0) == 0:
            room = min(1.0, 1.0 - self.alpha_seconds / max(limit, self.alpha_seconds * 1.01))
            self.floor = max(1, math.ceil(self.rates.mean * view.work / room))
        if view.pending:
            return max(view.wanted, self.floor)
        wanted = view.wanted
        if view.itl_seconds > limit or view.ttft_seconds > self.ttft_seconds * self.target:
            wanted += 1
        elif view.ready > 1:
            used = (1.0 - self.alpha_seconds / view.itl_seconds) * view.ready / (view.ready - 1)
            after = self.alpha_seconds / max(0.02, 1.0 - used)
            if after < 0.8 * limit and view.ttft_seconds < 0.8 * self.ttft_seconds * self.target:
                wanted -= 1
        return max(wanted, self.floor)


@dataclass(slots=True)
class LlmdWva:
    """llm-d's workload variant autoscaler: the SLO analyzer and saturation, any up, all down.

    SLO analyzer: largest rate per replica at which T = alpha/(1 - rho) holds the ITL, with a
    stability margin of 10 %. Saturation V2: up above 85 % of use, down below 70 %. Decides every 60
    s, waits while replicas are pending. `target` scales the ITL objective.
    """

    target: float
    alpha_seconds: float
    itl_seconds: float
    rates: Window = field(default_factory=lambda: Window(60.0))

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        self.rates.add(view.rate)
        if view.slot % _slots(60.0):
            return view.wanted
        limit = max(self.itl_seconds * self.target, self.alpha_seconds * 1.01)
        rho = min(0.9, 1.0 - self.alpha_seconds / limit)
        needed = self.rates.mean * view.work / rho
        used = (view.running + view.waiting) * view.ready * view.usage / max(view.running, 1e-9)
        up = max(math.ceil(needed), math.ceil(used / 0.85))
        if up > view.wanted:
            return up
        spare = min(math.floor(view.wanted - needed), math.floor(view.wanted - used / 0.70))
        return view.wanted if view.pending else max(1, view.wanted - max(0, spare))


@dataclass(slots=True)
class Static:
    """A fixed count."""

    replicas: int

    def decide(self, view: View) -> int:
        """Return the count wanted from now on."""
        del view
        return self.replicas
