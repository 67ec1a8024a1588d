"""Schedules: five cron fields in a time zone, and whether one holds at an instant.

Fields as in cron(5): minute, hour, day of month, month, day of week (0 and 7 are Sunday, names of
three letters are understood); lists, ranges, steps; where both day fields are restricted, either
one suffices. A time that daylight saving skips fires at the instant it would have been; one that it
doubles fires at the first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from autoscaler.core.policy import Schedule

_MONTHS = {
    name: number
    for number, name in enumerate(
        "jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1
    )
}
_DAYS = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}
_NO_NAMES: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression: the values that each field allows."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 = Sunday."""
    either_day: bool
    """True if both day fields are restricted: one of them suffices."""

    def fires_on(self, day: date) -> bool:
        """True if the expression fires at some time of `day`."""
        if day.month not in self.months:
            return False
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self.either_day else by_date and by_weekday


@lru_cache(maxsize=256)
def parse_cron(expression: str) -> Cron:
    """Parse five fields. Raises ValueError with a sentence that names the field."""
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError(f"cron '{expression}' has {len(fields)} fields, 5 are wanted")
    minute, hour, day, month, weekday = fields
    return Cron(
        minutes=_field("minute", minute, 0, 59, _NO_NAMES),
        hours=_field("hour", hour, 0, 23, _NO_NAMES),
        days=frozenset(_field("day of month", day, 1, 31, _NO_NAMES)),
        months=frozenset(_field("month", month, 1, 12, _MONTHS)),
        weekdays=frozenset(n % 7 for n in _field("day of week", weekday, 0, 7, _DAYS)),
        either_day=not day.startswith("*") and not weekday.startswith("*"),
    )


def active_since(schedule: Schedule, at: float) -> float | None:
    """Return the cron instant from which `schedule` holds at `at`; None if it does not hold."""
    minute = int(at // 60)
    last = _last_fire(schedule.cron, schedule.timezone, minute, schedule.duration_seconds)
    return last if last is not None and at < last + schedule.duration_seconds else None


@lru_cache(maxsize=4096)
def _last_fire(expression: str, zone: str, minute: int, within: float) -> float | None:
    cron, local, now = parse_cron(expression), ZoneInfo(zone), minute * 60 + 59
    today = datetime.fromtimestamp(now, local).date()
    for back in range(int(within // 86_400) + 3):
        day = today - timedelta(days=back)
        if cron.fires_on(day):
            for instant in _instants(cron, day, local):
                if instant <= now:
                    return instant
    return None


def _instants(cron: Cron, day: date, zone: ZoneInfo) -> Iterator[float]:
    for hour in reversed(cron.hours):
        for minute in reversed(cron.minutes):
            yield datetime.combine(day, time(hour, minute), zone).timestamp()


def _field(
    name: str,
    text: str,
    low: int,
    high: int,
    names: dict[str, int],  # noqa: PLR0913  # a field is its bounds and names
) -> tuple[int, ...]:
    values: set[int] = set()
    for part in text.lower().split(","):
        span, _, step_text = part.partition("/")
        first, last = _span(name, span, (low, high), names)
        if _ and span not in {"*"} and "-" not in span:
            last = high
        step = _number(name, step_text, (1, high), _NO_NAMES) if _ else 1
        values.update(range(first, last + 1, step))
    return tuple(sorted(values))


def _span(name: str, text: str, bounds: tuple[int, int], names: dict[str, int]) -> tuple[int, int]:
    if text == "*":
        return bounds
    head, dash, tail = text.partition("-")
    first = _number(name, head, bounds, names)
    last = _number(name, tail, bounds, names) if dash else first
    if last < first:
        raise ValueError(f"cron {name} '{text}' runs backwards")
    return first, last


def _number(name: str, text: str, bounds: tuple[int, int], names: dict[str, int]) -> int:
    number = names.get(text, int(text) if text.isdecimal() else -1)
    if not bounds[0] <= number <= bounds[1]:
        raise ValueError(f"cron {name} '{text}' is not within {bounds[0]} to {bounds[1]}")
    return number
