"""Calibration: bursts on an idle replica, and none at the first sign of load."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from helpers_probes import FakeClock, deployment

from autoscaler.core.model import Deployment, Estimate, ProbeResult
from autoscaler.core.words import FailureReason, Status
from autoscaler.probes.calibrate import Calibration, CalibrationRefused, Calibrator

Virtual = Callable[[Any], Any]


class Engine:
    """A prober in front of an engine whose time per token is max(plateau, a + b k)."""

    def __init__(self, *, plateau: float = 0.02, a: float = 0.01, b: float = 0.001) -> None:
        self.running = 0
        self.most = 0
        self.probes = 0
        self.plateau, self.a, self.b = plateau, a, b
        self.others = 0
        self.spoil: Callable[[ProbeResult], ProbeResult] = lambda result: result

    async def probe(
        self, deployment: Deployment, *, scheduled_at: float, profile: str = "short"
    ) -> ProbeResult:
        assert profile == "calibrate"
        self.running += 1
        self.probes += 1
        await asyncio.sleep(0)
        self.most = max(self.most, self.running)
        itl = max(self.plateau, self.a + self.b * (self.most_now() + self.others))
        await asyncio.sleep(1.0)
        self.running -= 1
        return self.spoil(
            ProbeResult(
                id="",
                deployment_id=deployment.id,
                profile=profile,
                scheduled_at=scheduled_at,
                sent_at=scheduled_at,
                duration_seconds=1.0,
                failure=None,
                ttft_seconds=0.1,
                itl_seconds=itl,
            )
        )

    def most_now(self) -> int:
        return self.running

    async def close(self) -> None:
        """Nothing is open."""


async def calibrate(engine: Engine, **changes: Any) -> Calibration:
    target = deployment("http://127.0.0.1/v1", **changes)
    return await Calibrator(engine, FakeClock()).run(target, None, cap=64)


def test_bursts_give_alpha_the_line_and_the_cap(virtual: Virtual) -> None:
    engine = Engine()
    learned = virtual(calibrate(engine))
    assert engine.most == 64
    assert learned.probes == engine.probes == 3 * (1 + 4 + 16 + 64)
    assert learned.alpha_seconds == pytest.approx(0.02)
    assert learned.burst_seconds == pytest.approx({1: 0.02, 4: 0.02, 16: 0.026, 64: 0.074})
    assert learned.cap == pytest.approx(1 - 0.02 / 0.074)
    assert learned.slope_seconds == pytest.approx(0.00088, rel=0.05)
    assert learned.ttft_seconds == pytest.approx(0.1)
    assert len(learned.lone_probes) == 3


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": Status.INITIALIZING, "raw_status": "initializing"}, "not ready"),
        ({"replicas": 2}, "scale it to 1 first"),
    ],
)
def test_it_is_refused_where_it_would_measure_something_else(
    changes: dict[str, Any], why: str, virtual: Virtual
) -> None:
    engine = Engine()
    with pytest.raises(CalibrationRefused, match=why):
        virtual(calibrate(engine, **changes))
    assert engine.probes == 0


def test_it_is_refused_where_users_would_feel_it(virtual: Virtual) -> None:
    engine = Engine()
    busy = Estimate(at=0.0, rho=0.4)

    async def story() -> None:
        await Calibrator(engine, FakeClock()).run(deployment("http://127.0.0.1/v1"), busy)

    with pytest.raises(CalibrationRefused, match="about 40%"):
        virtual(story())
    assert engine.probes == 0


def test_it_ends_at_the_first_sign_of_load(virtual: Virtual) -> None:
    """Others come while it runs: the next lone probe is slower, and that is the end."""
    engine = Engine()
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        if len(told) == 4:
            engine.others = 40

    async def story() -> None:
        target = deployment("http://127.0.0.1/v1")
        await Calibrator(engine, FakeClock(), progress=tell).run(target, None, cap=64)

    with pytest.raises(CalibrationRefused, match="somebody else"):
        virtual(story())
    assert engine.probes == 1 + 4 + 16 + 64 + 1


@pytest.mark.parametrize("fault", ["failure", "no latency"])
def test_it_ends_at_the_first_failure(fault: str, virtual: Virtual) -> None:
    engine = Engine()

    def spoil(result: ProbeResult) -> ProbeResult:
        if engine.probes <= 1:
            return result
        if fault == "failure":
            return replace(result, failure=FailureReason.HTTP_429, detail="busy")
        return replace(result, itl_seconds=None, times_refused_because="few reads")

    engine.spoil = spoil
    with pytest.raises(CalibrationRefused, match=r"busy|few reads"):
        virtual(calibrate(engine))
    assert engine.probes == 5


def test_without_a_known_cap_the_bursts_stay_bearable(virtual: Virtual) -> None:
    engine = Engine()

    async def story() -> None:
        target = deployment("http://127.0.0.1/v1")
        await Calibrator(engine, FakeClock()).run(target, Estimate(at=0.0))

    virtual(story())
    assert engine.most == 32
