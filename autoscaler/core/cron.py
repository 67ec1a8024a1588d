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


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five fields: its name, its bounds and the names of its values."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    """Three letters each, the first for `low`."""

    def values(self, text: str) -> tuple[int, ...]:
        """Return the values that a field's text allows, ascending. Raises ValueError."""
        found: set[int] = set()
        for part in text.lower().split(","):
            span, slash, step = part.partition("/")
            first, last = self._span(span)
            if slash and span != "*" and "-" not in span:
                last = self.high  # `5/15` goes on to the end
            found.update(range(first, last + 1, self._step(step) if slash else 1))
        return tuple(sorted(found))

    def _span(self, text: str) -> tuple[int, int]:
        if text == "*":
            return self.low, self.high
        head, dash, tail = text.partition("-")
        first = self._number(head)
        last = self._number(tail) if dash else first
        if last < first:
            raise ValueError(f"cron {self.name} '{text}' runs backwards")
        return first, last

    def _number(self, text: str) -> int:
        number = -1
        if text in self.names:
            number = self.low + self.names.index(text)
        elif text.isdecimal():
            number = int(text)
        if not self.low <= number <= self.high:
            raise ValueError(f"cron {self.name} '{text}' is not within {self.low} to {self.high}")
        return number

    def _step(self, text: str) -> int:
        if not text.isdecimal() or int(text) < 1:
            raise ValueError(f"cron {self.name} step '{text}' is no whole number above 0")
        return int(text)


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MINUTE = Field("minute", 0, 59)
_HOUR = Field("hour", 0, 23)
_DAY = Field("day of month", 1, 31)
_MONTH = Field("month", 1, 12, _MONTHS)
_WEEKDAY = Field("day of week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))


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
        minutes=_MINUTE.values(minute),
        hours=_HOUR.values(hour),
        days=frozenset(_DAY.values(day)),
        months=frozenset(_MONTH.values(month)),
        weekdays=frozenset(n % 7 for n in _WEEKDAY.values(weekday)),
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
