"""What will be needed once a replica asked for now would serve: a forecast to be earned.

It may only raise. Its members are switched on one by one, per deployment, while their own rolling
backtest over the recorded need beats persistence: on cost, with each miss priced so that attainment
is held (policy.md §6.1; a naive trend and season gained nothing where it was tried, §3). Judged at
each closed bin: what was foretold a cold start ago, against what came.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from autoscaler.core.record import BIN_SECONDS, Record, whole
from autoscaler.core.staffing import staffed

DAY_BINS = 288
WEEK_BINS = 7 * DAY_BINS
TREND_BINS = 6
"""Half an hour: shorter is noise, longer is season."""
MOST_RISE = 2.0
"""A trend foretells nothing beyond this multiple of now."""
LEAST_RISE = 1.2
"""A season speaks only where its past rose by this factor."""
MOST_LEVEL = 2.0
"""Nothing is foretold beyond this multiple of what its past shows."""
LEVEL_BINS = 12
"""An hour, over which now is compared with the same time in the past: single bins are noise."""
CYCLES = (3, 4, 6, 9, 12, 18, 24, 36, 48, 72, 96, 144)
"""Periods that are looked for, in bins: from a quarter of an hour to half a day."""
CYCLE_PAST = 4
"""Periods of the past that a cycle's forecast is the mean of, and that must have been seen."""
CYCLE_JUDGED = 144
"""Newest bins over which the periods are compared: half a day."""
CYCLE_FIRST_BINS = 96
"""A cycle is judged over a third of a day at least: that is ten of most, and its jobs do not wait
for tomorrow.
"""
FIRST_BINS = 288
"""A member is judged over at least a day before it may speak (AWS: 24 h)."""
MEMORY_BINS = 7 * 288.0
"""Losses are averaged over about a week."""
MISS_PRICE = 10.0
"""Replica-bins that one replica-bin of missing capacity costs, at an attainment of 98 %; in
proportion to 1 / (1 - goal).
"""
MARGIN = 0.002
"""A member must beat persistence by this share of what persistence loses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What was foretold for one bin, kept until it came."""

    bin: int
    persistence: float
    trend: float | None
    season: float | None
    week: float | None = None
    cycle: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One member's rolling backtest."""

    loss: float = 0.0
    """Mean loss per bin, of the member."""
    baseline: float = 0.0
    """Mean loss per bin, of persistence, over the same bins."""
    bins: int = 0

    def has_earned(self, bins: int = FIRST_BINS) -> bool:
        """True while the member, judged over so many bins at least, may raise the count."""
        return self.bins >= bins and self.loss < self.baseline * (1.0 - MARGIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The memory of the forecast."""

    closed: int = 0
    """Newest closed bin that was judged."""
    pending: tuple[Foretold, ...] = ()
    trend: Trial = Trial()
    season: Trial = Trial()
    """Of the same time on former days."""
    week: Trial = Trial()
    """Of the same time a week ago."""
    cycle: Trial = Trial()
    """Of shorter periods, as scheduled jobs have."""
    period: int = 0
    """The one that fits best, in bins; 0 = none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the judgement needs to know of the policy now."""

    horizon_seconds: float
    headroom: float
    attainment: float


def trend(record: Record, number: int, ahead: int) -> float | None:
    """Least-squares line through the last half hour; None with holes in it."""
    cells = [record.bin(number - back) for back in range(TREND_BINS)]
    means = [cell[0] for cell in cells if cell is not None]
    if len(means) < TREND_BINS:
        return None
    middle = (TREND_BINS - 1) / 2.0
    mean = sum(means) / TREND_BINS
    slope = sum((middle - back) * (value - mean) for back, value in enumerate(means))
    slope /= sum((middle - back) ** 2 for back in range(TREND_BINS))
    return min(MOST_RISE * means[0], max(0.0, mean + slope * (middle + ahead)))


def season(record: Record, number: int, ahead: int) -> float | None:
    """The same time on former days, in proportion to how today compares; None without any."""
    lags = [days * DAY_BINS for days in range(1, 15)]
    # the newest days count most: a week ago a fifth of yesterday
    return _repeated(record, number, ahead, {lag: 0.8**n for n, lag in enumerate(lags)})


def week(record: Record, number: int, ahead: int) -> float | None:
    """The same time a week ago, in proportion to how today compares; None without any."""
    return _repeated(record, number, ahead, {WEEK_BINS: 1.0})


def cycle(record: Record, number: int, ahead: int, *, period: int) -> float | None:
    """The same place in a shorter period; None without one (0)."""
    if period == 0:
        return None
    first = math.ceil(ahead / period)
    lags = {period * count: 1.0 for count in range(first, first + CYCLE_PAST)}
    return _repeated(record, number, ahead, lags)


def period_of(record: Record, number: int) -> int:
    """The period in bins that fits the last half day best; 0 without one."""
    means = {bin_: mean for bin_, mean, _ in record.bins(number - CYCLE_JUDGED - max(CYCLES))}
    fits = {
        period: error
        for period in CYCLES
        if record.size >= (CYCLE_PAST + 1) * period
        and (error := _misfit(means, number, period)) is not None
    }
    return min(fits, key=lambda one: fits[one]) if fits else 0


def _misfit(means: dict[int, float], number: int, period: int) -> float | None:
    """Mean distance from one period to the next over the newest bins."""
    gaps = [
        abs(means[at] - means[at - period])
        for at in range(number - CYCLE_JUDGED + 1, number + 1)
        if at in means and at - period in means
    ]
    return sum(gaps) / len(gaps) if len(gaps) >= period else None


def _repeated(
    record: Record, number: int, ahead: int, weights: Mapping[int, float]
) -> float | None:
    """What came at these lags, in proportion to how the last hour compares with theirs.

    Only where that was a rise: what merely scatters about the present is left to the present.
    """
    recent = [(back, record.bin(number - back)) for back in range(LEVEL_BINS)]
    total = then = past = now = start = 0.0
    for lag, weight in weights.items():
        came, begun = record.bin(number + ahead - lag), record.bin(number - lag)
        if came is None or begun is None or lag < ahead:
            continue
        then, start, total = then + weight * came[0], start + weight * begun[0], total + weight
        for back, cell in recent:
            before = record.bin(number - back - lag)
            if cell is not None and before is not None:
                now, past = now + weight * cell[0], past + weight * before[0]
    if total == 0.0 or past == 0.0 or recent[0][1] is None:
        return None
    if then < LEAST_RISE * start:
        return recent[0][1][0]
    return min(MOST_LEVEL, now / past) * then / total


def judged(forecast: Forecast, record: Record, terms: Terms) -> Forecast:
    """Judge the newest closed bin once, and foretell the one a horizon ahead."""
    number = record.first + record.size - 1
    if record.size == 0 or number <= forecast.closed:
        return forecast
    ahead = 1 + round(terms.horizon_seconds / BIN_SECONDS)
    came, due = record.bin(number), next((p for p in forecast.pending if p.bin == number), None)
    if came is not None and due is not None:
        forecast = replace(
            forecast,
            trend=_scored(forecast.trend, due, due.trend, came=came[0], terms=terms),
            season=_scored(forecast.season, due, due.season, came=came[0], terms=terms),
            week=_scored(forecast.week, due, due.week, came=came[0], terms=terms),
            cycle=_scored(forecast.cycle, due, due.cycle, came=came[0], terms=terms),
        )
    kept = tuple(p for p in forecast.pending if p.bin > number)
    period = period_of(record, number)
    if came is not None:
        foretold = Foretold(
            bin=number + ahead,
            persistence=came[0],
            trend=trend(record, number, ahead),
            season=season(record, number, ahead),
            week=week(record, number, ahead),
            cycle=cycle(record, number, ahead, period=period),
        )
        kept = (*kept, foretold)
    return replace(forecast, closed=number, pending=kept, period=period)


def _scored(
    trial: Trial, due: Foretold, foretold: float | None, *, came: float, terms: Terms
) -> Trial:
    if foretold is None:
        return trial
    loss = _loss(max(foretold, due.persistence), came, terms)
    baseline = _loss(due.persistence, came, terms)
    share = 1.0 / min(MEMORY_BINS, trial.bins + 1.0)
    return Trial(
        loss=trial.loss + share * (loss - trial.loss),
        baseline=trial.baseline + share * (baseline - trial.baseline),
        bins=trial.bins + 1,
    )


def _loss(planned: float, came: float, terms: Terms) -> float:
    """Replicas paid for, and each one missing at the price that holds the attainment."""
    count = whole(staffed(planned, terms.headroom))
    price = MISS_PRICE * 0.02 / max(1e-3, 1.0 - terms.attainment)
    return count + price * max(0.0, came - count)


def raised(
    forecast: Forecast, record: Record, need: float, *, serves_at: float
) -> tuple[float, str]:
    """Need foretold for the instant at which a replica asked for now would serve, by the members
    that have earned it, never below `need`; and by which.
    """
    number = record.first + record.size - 1
    ahead = max(1, int(serves_at // BIN_SECONDS) - number)
    best, by = need, ""
    for name, foretold in _earned(forecast, record, number, ahead):
        if foretold is not None and foretold > best:
            best, by = foretold, name
    return best, by


def _earned(
    forecast: Forecast, record: Record, number: int, ahead: int
) -> Iterator[tuple[str, float | None]]:
    if forecast.trend.has_earned():
        yield "trend", trend(record, number, ahead)
    if forecast.season.has_earned():
        yield "season", season(record, number, ahead)
    if forecast.week.has_earned():
        yield "week", week(record, number, ahead)
    if forecast.cycle.has_earned(CYCLE_FIRST_BINS):
        minutes = forecast.period * BIN_SECONDS / 60.0
        found = cycle(record, number, ahead, period=forecast.period)
        yield f"cycle of {minutes:.0f} min", found
