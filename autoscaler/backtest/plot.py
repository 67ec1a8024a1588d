"""Small pictures as SVG text: steps over time, and frontiers. No library, no script, no external
request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 960.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 16.0, 14.0, 34.0
POINTS = 1200
"""Points drawn per line; more are thinned to their extremes, so that no peak is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series to draw."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    style: str
    """CSS class; the page gives it a colour."""
    steps: bool = False
    """True to draw horizontal steps, as for counts."""
    marks: bool = False
    """True to draw a dot at each point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A decision on the time line, with its reason as a tooltip."""

    x: float
    y: float
    style: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis: its range and how its ticks read."""

    low: float
    high: float
    unit: str
    form: str = "{:g}"
    scale: float = 1.0
    """Ticks are shown multiplied by this."""

    def place(self, value: float) -> float:
        """Return where a value lies, 0..1."""
        return (value - self.low) / ((self.high - self.low) or 1.0)


def chart(
    title: str, axes: tuple[Axis, Axis], lines: Sequence[Line], marks: Sequence[Mark] = ()
) -> str:
    """Return one chart as an SVG element that reads well on its own."""
    across, up = axes
    parts = [
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        *_grid(across, up),
    ]
    parts += [_path(line, across, up) for line in lines]
    parts += [
        f'<circle class="{mark.style}" cx="{_x(across, mark.x):.1f}" cy="{_y(up, mark.y):.1f}" '
        f'r="4"><title>{escape(mark.text)}</title></circle>'
        for mark in marks
    ]
    return "".join([*parts, "</svg>"])


def legend(lines: Sequence[Line]) -> str:
    """Return the legend of a chart's lines."""
    keys = (f'<span class="key {line.style}">{escape(line.label)}</span>' for line in lines)
    return f'<p class="legend">{" ".join(keys)}</p>'


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.place(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.place(value) * (HEIGHT - TOP - BOTTOM)


def _ticks(axis: Axis, count: int) -> list[float]:
    return [axis.low + (axis.high - axis.low) * index / count for index in range(count + 1)]


def _grid(across: Axis, up: Axis) -> list[str]:
    parts = []
    for value in _ticks(up, 4):
        y = _y(up, value)
        label = up.form.format(value * up.scale)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{label}</text>')
    for value in _ticks(across, 8):
        label = across.form.format(value * across.scale)
        x = _x(across, value)
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT - 16}" text-anchor="middle">{label}</text>')
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 3}" text-anchor="end">{escape(across.unit)}</text>'
    )
    parts.append(f'<text x="{LEFT}" y="{TOP - 4}">{escape(up.unit)}</text>')
    return parts


def _path(line: Line, across: Axis, up: Axis) -> str:
    points = _thinned(line)
    commands = []
    for index, (x, y) in enumerate(points):
        px, py = _x(across, x), _y(up, y)
        if index == 0:
            commands.append(f"M{px:.1f} {py:.1f}")
        else:
            commands.append(f"H{px:.1f}V{py:.1f}" if line.steps else f"L{px:.1f} {py:.1f}")
    dots = "".join(
        f'<circle class="{line.style} dot" cx="{_x(across, x):.1f}" cy="{_y(up, y):.1f}" r="3"/>'
        for x, y in (points if line.marks else ())
    )
    return f'<path class="{line.style}" d="{"".join(commands)}"/>{dots}'


def _thinned(line: Line) -> list[tuple[float, float]]:
    """Return the points, or of each stretch of too many the lowest and the highest."""
    points = list(zip(line.x, line.y, strict=True))
    if len(points) <= POINTS:
        return points
    size = -(-len(points) * 2 // POINTS)
    kept = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        low = min(stretch, key=lambda point: point[1])
        high = max(stretch, key=lambda point: point[1])
        kept += sorted({low, high})
    return kept
