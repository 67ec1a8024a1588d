"""How the demo looks: a live table in a terminal, plain lines in a pipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from autoscaler.cli.demo_story import Happening
from autoscaler.cli.output import money, plain
from autoscaler.core.snapshot import DeploymentView, Snapshot

SHOWN_HAPPENINGS = 8
"""Last events under the table."""
LINE_EVERY_SECONDS = 15.0
"""Time between two readings of the fleet in a pipe."""
COLUMNS = ("deployment", "status", "replicas", "TTFT", "ITL", "load", "cost/h", "last decision")
STYLES = {"ready": "green", "failed": "bold red", "initializing": "yellow"}
VERDICT_STYLES = {"up": "bold cyan", "down": "cyan", "hold": "dim", "blind": "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """All that is to be seen at one instant."""

    elapsed_seconds: float
    started_at: float
    page_url: str
    snapshot: Snapshot
    news: Sequence[Happening]
    """What happened since the frame before."""
    happenings: Sequence[Happening]
    """All that happened."""


class Screen(Protocol):
    """Shows frames, one after the other."""

    def show(self, frame: Frame) -> None:
        """Show one frame."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def screen_for(console: Console) -> Screen:
    """Return a live table for a terminal, else plain lines."""
    return LiveScreen(console) if console.is_terminal else LineScreen(console)


class LineScreen:
    """Events as they come, and the fleet every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind."""

    def show(self, frame: Frame) -> None:
        """Print what is new."""
        for news in frame.news:
            self._line(news.at - frame.started_at, news.text)
        if frame.elapsed_seconds >= self._next_at and frame.snapshot.deployments:
            self._next_at = frame.elapsed_seconds + LINE_EVERY_SECONDS
            for view in frame.snapshot.deployments:
                self._line(frame.elapsed_seconds, fleet_line(view))

    def _line(self, seconds: float, text: str) -> None:
        self._console.print(Text(f"{clock_text(seconds)}  {text}"), soft_wrap=True)


class LiveScreen:
    """A table that stays in place, with the last events under it."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, frame: Frame) -> None:
        """Draw the table anew."""
        self._live.update(_picture(frame), refresh=True)


def fleet_line(view: DeploymentView) -> str:
    """One deployment in one line of plain text."""
    name, status, count, ttft, itl, load, cost, _ = (text.plain for text in _row(view))
    decision = view.decision
    why = "no decision yet"
    if decision is not None:
        why = plain(f"{decision.verdict} {decision.reason}: {decision.because}")
    return (
        f"{name}: {status}, replicas {count}, TTFT {ttft}, ITL {itl}, load {load}, {cost}/h; {why}"
    )


def clock_text(seconds: float) -> str:
    """Time since the start as minutes and seconds: 75 s is 01:15."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    return f"{minutes:02}:{rest:02}"


def _picture(frame: Frame) -> Group:
    head = Text(
        f"Neevscale on an emulated platform, {clock_text(frame.elapsed_seconds)}   "
        f"page and metrics: {frame.page_url}   Ctrl-C ends it",
        style="bold",
    )
    table = Table(expand=True)
    for column in COLUMNS:
        table.add_column(column, ratio=1 if column == COLUMNS[-1] else None)
    for view in frame.snapshot.deployments:
        table.add_row(*_row(view))
    last = frame.happenings[-SHOWN_HAPPENINGS:]
    lines = [Text(f"{clock_text(h.at - frame.started_at)}  {h.text}") for h in last]
    return Group(head, table, *lines)


def _row(view: DeploymentView) -> tuple[Text, ...]:
    decision, load = view.decision, view.decision.estimate.load if view.decision else None
    cost = money(view.cost.per_hour, view.cost.currency) if view.cost else "-"
    return (
        Text(plain(view.deployment.name), style="bold"),
        Text(view.status, style=STYLES.get(view.status, "")),
        Text(_counts(view)),
        Text(_milliseconds(view.probe.ttft_p50)),
        Text(_milliseconds(view.probe.itl_p50)),
        Text("-" if load is None else f"{load:.2f}"),
        Text(cost),
        Text(
            plain(f"{decision.verdict} {decision.reason}: {decision.because}") if decision else "-",
            style=VERDICT_STYLES[decision.verdict] if decision else "",
        ),
    )


def _counts(view: DeploymentView) -> str:
    """`current`, then what is asked for while it comes, then what is wanted if that differs."""
    current = view.deployment.replicas
    text = str(current)
    asked = view.ask.count if view.ask and view.ask.is_open else current
    if asked != current:
        text += f" → {asked} asked"
    target = view.decision.target if view.decision else asked
    return text if target in {current, asked} else f"{text}, {target} wanted"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"
