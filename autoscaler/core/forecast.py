"""What will be needed once a replica asked for now would serve: a forecast to be earned.

It may only raise. Its members are switched on one by one, per deployment, while their own rolling
backtest over the recorded need beats persistence: on cost, with each miss priced so that attainment
is held (policy.md §6.1; a naive trend and season gained nothing where it was tried, §3). Judged at
each closed bin: what was foretold a cold start ago, against what came.
"""

from dataclasses import dataclass, replace

from autoscaler.core.record import BIN_SECONDS, Record, whole
from autoscaler.core.staffing import staffed

DAY_BINS = 288
TREND_BINS = 6
"""Half an hour: shorter is noise, longer is season."""
MOST_RISE = 2.0
"""Nothing is foretold beyond this multiple of now."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One member's rolling backtest."""

    loss: float = 0.0
    """Mean loss per bin, of the member."""
    baseline: float = 0.0
    """Mean loss per bin, of persistence, over the same bins."""
    bins: int = 0

    @property
    def has_earned(self) -> bool:
        """True while the member may raise the count."""
        return self.bins >= FIRST_BINS and self.loss < self.baseline * (1.0 - MARGIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The memory of the forecast."""

    closed: int = 0
    """Newest closed bin that was judged."""
    pending: tuple[Foretold, ...] = ()
    trend: Trial = Trial()
    season: Trial = Trial()


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
    now = record.bin(number)
    pairs = [
        (one[0], other[0])
        for days in range(1, 15)
        if (one := record.bin(number - days * DAY_BINS)) is not None
        and (other := record.bin(number + ahead - days * DAY_BINS)) is not None
    ]
    if now is None or not pairs:
        return None
    # the newest days count most: a week ago a fifth of yesterday
    weights = [0.8**index for index in range(len(pairs))]
    past = sum(w * before for w, (before, _) in zip(weights, pairs, strict=True)) / sum(weights)
    then = sum(w * after for w, (_, after) in zip(weights, pairs, strict=True)) / sum(weights)
    today = min(MOST_RISE, max(0.5, now[0] / past))
    return min(MOST_RISE * now[0], then * today)


def judged(forecast: Forecast, record: Record, terms: Terms) -> Forecast:
    """Judge the newest closed bin once, and foretell the one a horizon ahead."""
    number = record.first + record.size - 1
    if record.size == 0 or number <= forecast.closed:
        return forecast
    ahead = max(1, round(terms.horizon_seconds / BIN_SECONDS + 0.5))
    came, due = record.bin(number), next((p for p in forecast.pending if p.bin == number), None)
    if came is not None and due is not None:
        forecast = replace(
            forecast,
            trend=_scored(forecast.trend, due, due.trend, came=came[0], terms=terms),
            season=_scored(forecast.season, due, due.season, came=came[0], terms=terms),
        )
    kept = tuple(p for p in forecast.pending if p.bin > number)
    if came is not None:
        foretold = Foretold(
            bin=number + ahead,
            persistence=came[0],
            trend=trend(record, number, ahead),
            season=season(record, number, ahead),
        )
        kept = (*kept, foretold)
    return replace(forecast, closed=number, pending=kept)


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


def raised(forecast: Forecast, record: Record, need: float, horizon: float) -> tuple[float, str]:
    """Need foretold by the members that have earned it, never below `need`; and by which."""
    number = record.first + record.size - 1
    ahead = max(1, round(horizon / BIN_SECONDS + 0.5))
    best, by = need, ""
    for name, trial, member in (
        ("trend", forecast.trend, trend),
        ("season", forecast.season, season),
    ):
        if not trial.has_earned:
            continue
        foretold = member(record, number, ahead)
        if foretold is not None and foretold > best:
            best, by = foretold, name
    return best, by
