"""Numbers as people read them, for the page. Unknown is shown as a dash, never as 0."""

from datetime import UTC, datetime
from decimal import Decimal

NOTHING = "–"
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "INR": "₹"}


def seconds(value: float | None) -> str:
    """Return a latency: `31 ms`, `310 ms`, `1.20 s`."""
    if value is None:
        return NOTHING
    if value < 0.9995:
        return f"{value * 1000:.1f} ms" if value < 0.00995 else f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 100 else f"{value:.0f} s"


def duration(value: float) -> str:
    """Return a length of time in its largest sensible unit: `12 s`, `5 min`, `3 h`, `9 d`."""
    if value < 90:
        return f"{max(0.0, value):.0f} s"
    for unit, name, limit in ((60, "min", 5400), (3600, "h", 129_600)):
        if value < limit:
            return f"{value / unit:.0f} {name}"
    return f"{value / 86400:.0f} d"


def money(value: Decimal | float | None, currency: str) -> str:
    """Return an amount with its currency's sign: `$7.47`, `₹192`, `CHF 3.10`."""
    if value is None:
        return NOTHING
    amount = float(value)
    sign = "−" if amount < 0 else ""
    digits = f"{abs(amount):,.2f}" if abs(amount) < 1000 else f"{abs(amount):,.0f}"
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{currency} {digits}"


def percent(value: float | None, digits: int = 0) -> str:
    """Return a ratio as a percentage."""
    return NOTHING if value is None else f"{value * 100:.{digits}f} %".replace("-", "−")


def clock(at: float) -> str:
    """Return an instant as `15:04:05 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")
