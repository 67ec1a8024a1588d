"""A month of money and uptime: the daemon's accounts against the emulated platform's own books.

Daemons come and go on one store; there are gaps of hours, scale events of ours and of others,
failures, some of them while nobody looks, and a price change. What remains of a difference beside
what is marked is nothing. What the platform bills and no read shows (replicas that start or
restart, and those that are drained) is told apart, and settled once the deployment is at rest.
"""

import logging
import time
from decimal import Decimal

import pytest
import structlog
from helpers_direct import BASE, DirectWorld, seconds_in, without

from autoscaler.clock import run_virtual
from autoscaler.core import uptime
from autoscaler.core.charging import Ledger
from autoscaler.core.uptime import UNKNOWN, UptimeState
from autoscaler.daemon.fleet import restore_fleet
from autoscaler.emulator.ledger import PriceChange, Truth, exact_bill
from autoscaler.emulator.scenario import Deed, DeploymentPlan, Event, Scenario

HOUR, DAY = 3600.0, 86400.0
DAYS = 31
POLL_SECONDS = 60.0
NAMES = ("chat", "search")
GAPS = ((4.3, 2.0), (11.9, 5.0), (20.05, 1.0), (26.4, 0.2))
"""(day, hours) in which no daemon runs; besides, one is restarted each third day."""
MOST_MONEY_RATIO = Decimal("0.001")
GRAIN_MONEY = Decimal("0.00001")
"""Money of a few replicas in a millisecond, the grain of `updated_at`."""
MOST_UPTIME_POINTS = 0.001
MOST_CPU_SECONDS = 180.0


def events() -> tuple[Event, ...]:
    """Others scale, replicas crash, deployments fail; one failure begins and ends in a gap."""
    made = [
        Event(
            at_seconds=15 * DAY,
            deployment="chat",
            deed=Deed.PRICE,
            price_per_gpu_hour=Decimal("2.49"),
        ),
        Event(at_seconds=12.0 * DAY, deployment="search", deed=Deed.FAIL),
        Event(at_seconds=12.05 * DAY, deployment="search", deed=Deed.RECOVER),
        Event(at_seconds=20.04 * DAY, deployment="chat", deed=Deed.FAIL),
        Event(at_seconds=20.07 * DAY, deployment="chat", deed=Deed.RECOVER),
    ]
    for day in range(1, DAYS, 2):
        at = day * DAY + 1234.5 * day % DAY
        made += [
            Event(at_seconds=at, deployment="chat", deed=Deed.SCALE, count=2 + day % 5),
            Event(at_seconds=at + 9 * HOUR, deployment="search", deed=Deed.CRASH),
            Event(at_seconds=at + 15 * HOUR, deployment="search", deed=Deed.FAIL),
            Event(at_seconds=at + 15.3 * HOUR, deployment="search", deed=Deed.RECOVER),
        ]
    return tuple(sorted(made, key=lambda event: event.at_seconds))


def world() -> DirectWorld:
    plans = tuple(
        DeploymentPlan(name=name, replicas=2, cold_start_spread_ratio=0.4) for name in NAMES
    )
    return DirectWorld(Scenario(deployments=plans, events=events(), seed=3))


def spells() -> list[tuple[float, float]]:
    """When daemons run, seconds since the begin."""
    gaps = [(day * DAY, day * DAY + hours * HOUR) for day, hours in GAPS]
    restarts = [(day * DAY, day * DAY + 1.0) for day in range(3, DAYS, 3)]
    return without(0.0, DAYS * DAY, [*gaps, *restarts])


async def live_the_month() -> tuple[DirectWorld, Truth]:
    place = world()
    config = place.config(
        discover_seconds=POLL_SECONDS,
        decide_seconds=300.0,
        notify_seconds=300.0,
        pump_seconds=300.0,
        keep_observations_seconds=0.0,
    )
    for number, (begin, end) in enumerate(spells()):
        await place.clock.sleep(BASE + begin - place.clock.now())
        daemon = place.daemon(config, probe_seconds=600.0)
        await daemon.start()
        await place.clock.sleep(600.0)
        daemon.console.override(
            "search", replicas=2 + number % 4, seconds=8 * HOUR, by="test", reason="month"
        )
        await place.clock.sleep(BASE + end - place.clock.now())
        await daemon.stop()
    return place, place.direct.truth()


def hidden(truth: Truth, name: str) -> dict[str, Decimal]:
    """What the platform bills beyond the replicas that run, by why."""
    unit = truth.deployment(name)
    ends = [*(c.at for c in unit.replica_changes[1:]), truth.at]
    money = dict.fromkeys(("starting", "draining"), Decimal(0))
    for change, end in zip(unit.replica_changes, ends, strict=True):
        price = unit.price_per_gpu_hour * unit.gpu_count * Decimal(end - change.at) / 3600
        starting = max(0, min(change.billed, change.target) - change.current)
        money["starting"] += price * starting
        money["draining"] += price * (change.billed - change.current - starting)
    return money


def bill_at(truth: Truth, name: str, at: float) -> Decimal:
    """The platform's bill up to `at`, since when the price has not changed."""
    unit = truth.deployment(name)
    price = [PriceChange(at=0.0, per_gpu_hour=unit.price_per_gpu_hour)]
    now, then = (
        exact_bill(unit.replica_changes, price, gpus=unit.gpu_count, until=until)
        for until in (truth.at, at)
    )
    return unit.bill_exact - (now - then)


def check_money(truth: Truth, name: str, ledger: Ledger) -> None:
    assert ledger.at is not None
    bill = bill_at(truth, name, ledger.at)
    off = ledger.total - bill
    print(
        f"{name}: bill {bill:.2f}, ledger {ledger.total:.2f}, off {off:+.4f}"
        f" ({off / bill:+.5%}); marked {ledger.uncertain:.4f} ({ledger.uncertain / bill:.5%})"
    )
    for gap in ledger.gaps:
        print(
            f"  {(gap.start - BASE) / DAY:7.3f} d, {gap.end - gap.start:7.0f} s:"
            f" counted {gap.filled:+.4f}, at most {gap.uncertain:.4f} off"
        )
    for what, money in hidden(truth, name).items():
        print(f"  billed and shown by no read: {what} {money:.4f}")
    changes = len(truth.deployment(name).replica_changes)
    assert abs(off) <= ledger.uncertain + changes * GRAIN_MONEY, "what no mark explains"
    assert abs(off) <= MOST_MONEY_RATIO * bill


def check_uptime(truth: Truth, name: str, state: UptimeState) -> None:
    unseen = [(s.start, s.end) for s in state.spans if s.bucket == UNKNOWN]
    windows = without(truth.started_at, truth.at, unseen)
    known = sum(b - a for a, b in windows)
    true_ratio = seconds_in(truth, name, "ready", windows=windows) / known
    ours = state.seconds["ready"] / sum(s for b, s in state.seconds.items() if b != UNKNOWN)
    report = uptime.report(state, "2027-01")
    print(
        f"{name}: ready {ours:.4%}, in truth {true_ratio:.4%} of the time that was seen; unknown"
        f" {state.seconds.get(UNKNOWN, 0.0) / HOUR:.2f} h; monthly report {report.uptime_ratio:.4%}"
    )
    assert ours == pytest.approx(true_ratio, abs=MOST_UPTIME_POINTS)


@pytest.mark.day
def test_a_month_of_accounts_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began, busy = time.monotonic(), time.process_time()
    place, truth = run_virtual(live_the_month(), kernel_grace_seconds=0.0)
    wall, cpu = time.monotonic() - began, time.process_time() - busy
    fleet, lost = restore_fleet(place.store)
    calls = len(truth.scale_calls)
    with capsys.disabled():
        print(
            f"\na month of {len(NAMES)} deployments: {wall:.0f} s of wall time, {cpu:.0f} s of CPU"
        )
        print(f"{len(spells())} daemons, {calls} scale calls of ours, {len(events())} events")
        for watched in fleet:
            check_money(truth, watched.name, watched.ledger)
            check_uptime(truth, watched.name, watched.uptime)
    assert lost == ()
    assert calls > len(spells()) / 2
    assert cpu < MOST_CPU_SECONDS
