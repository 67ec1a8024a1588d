"""The forecast: what its members see, when they earn their place, and that noise earns none."""

import random
from dataclasses import replace

import pytest
from core_past import daily, written
from core_world import START

from autoscaler.core.forecast import (
    CYCLE_FIRST_BINS,
    Forecast,
    Terms,
    cycle,
    judged,
    raised,
    season,
    trend,
    week,
)
from autoscaler.core.record import BIN_SECONDS, Record, recorded

TERMS = Terms(horizon_seconds=600.0, headroom=0.8, attainment=0.98)


def lived(needs: list[float], horizon: float = 600.0) -> tuple[Record, Forecast]:
    record, forecast = Record(), Forecast()
    for number, need in enumerate(needs):
        record = recorded(record, need, at=START + BIN_SECONDS * number)
        forecast = judged(forecast, record, replace(TERMS, horizon_seconds=horizon))
    return record, forecast


def later(record: Record) -> float:
    """When a replica would serve that is asked for at the end of a record."""
    return BIN_SECONDS * (record.first + record.size) + 600.0


def test_a_season_earns_its_place_on_days_that_repeat() -> None:
    """With a slow start; steep mornings, each like the last."""
    needs = [1.0 if n % 288 < 96 else 6.0 if n % 288 < 240 else 2.0 for n in range(288 * 5)]
    record, forecast = lived(needs, 900.0)
    assert forecast.season.has_earned()
    before_dawn = record.first + 288 * 4 + 94
    assert (season(record, before_dawn, 3) or 0.0) == pytest.approx(6.0, rel=0.05)


def test_a_season_leaves_to_the_present_what_was_no_rise() -> None:
    needs = [1.0 if n % 288 < 96 else 6.0 if n % 288 < 240 else 2.0 for n in range(288 * 3)]
    record, _ = lived(needs, 900.0)
    noon = record.first + 288 * 2 + 150
    assert season(record, noon, 3) == pytest.approx(6.0, rel=0.01)
    record, _ = lived([*needs[: 288 * 2 + 140], *[7.0] * 12], 900.0)
    assert season(record, record.first + record.size - 1, 3) == pytest.approx(7.0, rel=0.01)


def test_a_week_knows_its_weekend() -> None:
    """The eighth day is a Saturday again: the days before it foretell a morning, the week none."""
    busy = [1.0 if n % 288 < 96 else 6.0 for n in range(288)]
    idle = [1.0] * 288
    record, _ = lived([*idle, *busy * 6, *idle[:94]])
    last = record.first + record.size - 1
    assert (season(record, last, 4) or 0.0) > 4.0
    assert week(record, last, 4) == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("period", [3, 9, 12, 24])
def test_jobs_by_the_clock_are_foretold_within_the_day(period: int) -> None:
    """Ten minutes of three times the load in every period, seen a cold start ahead."""
    lots = random.Random(period)
    needs = [(6.0 if n % period < 2 else 2.0) * lots.gauss(1.0, 0.05) for n in range(180)]
    record, forecast = lived(needs, 180.0)
    assert forecast.cycle.has_earned(CYCLE_FIRST_BINS)
    quiet = next(n for n in range(170, 100, -1) if n % period == period - 1)
    assert forecast.period % period == 0
    foretold = cycle(record, record.first + quiet, 1, period=forecast.period)
    assert foretold == pytest.approx(6.0, rel=0.2)


@pytest.mark.parametrize("seed", range(2))
def test_no_cycle_is_seen_in_noise_or_in_a_day(seed: int) -> None:
    lots = random.Random(seed)
    for needs in (
        [max(0.2, lots.gauss(3.0, 0.6)) for _ in range(288 * 2)],
        [daily(n) * lots.gauss(1.0, 0.05) for n in range(288 * 2)],
    ):
        _, forecast = lived(needs, 180.0)
        assert forecast.cycle.loss >= 0.99 * forecast.cycle.baseline


def test_a_forecast_on_noise_never_speaks() -> None:
    lots = random.Random(4)
    record, forecast = lived([max(0.2, lots.gauss(3.0, 0.6)) for _ in range(288 * 4)])
    assert not forecast.trend.has_earned()
    assert raised(forecast, record, 3.0, serves_at=later(record))[1] in {"", "season"}


def test_a_forecast_says_nothing_in_its_first_day() -> None:
    record, forecast = lived([daily(n) for n in range(200)])
    assert raised(forecast, record, 5.0, serves_at=later(record)) == (5.0, "")


def test_a_trend_goes_on_and_never_beyond_double() -> None:
    record = written([1.0, 1.2, 1.4, 1.6, 1.8, 2.0])
    last = record.first + record.size - 1
    assert trend(record, last, 2) == pytest.approx(2.4, rel=0.02)
    assert trend(record, last, 100) == pytest.approx(4.0, rel=0.02)
    assert trend(record, last - 1, 2) is None  # half an hour is not there yet
