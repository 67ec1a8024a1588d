"""The report: one HTML file with the day, the frontier, the table and the what-if, to be looked at.

It needs no network and runs no script: pictures are SVG, reasons are tooltips and text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from autoscaler.backtest.clairvoyant import Frontier
from autoscaler.backtest.measures import Score
from autoscaler.backtest.plot import Axis, Line, Mark, chart, legend
from autoscaler.backtest.slots import Run, World
from autoscaler.backtest.trace import SLOT_SECONDS
from autoscaler.core.model import Decision
from autoscaler.core.words import Verdict

STYLES = ("c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8")
SHOWN_ACTIONS = 40
"""Actions listed in words below the picture."""

CSS = """
:root{color-scheme:light dark;--ink:#1c2430;--paper:#fff;--soft:#667085;--line:#e4e7ec}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--paper:#12161d;--soft:#98a2b3;--line:#2a313c}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:0}h2{margin-top:2.2rem;font-size:1.15rem}
p.sub,.legend,figcaption{color:var(--soft)}table{border-collapse:collapse;width:100%}
td,th{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right;
font-variant-numeric:tabular-nums}td:first-child,th:first-child{text-align:left}
tr.ours{font-weight:600}svg{width:100%;height:auto}svg text{font-size:11px;fill:var(--soft)}
path{fill:none;stroke-width:1.6}line.grid{stroke:var(--line)}
.need{stroke:#98a2b3;stroke-width:1}.ready{stroke:#1570ef;stroke-width:2}.billed{stroke:#b2ccff}
.up{fill:#d92d20}.down{fill:#079455}
.c0{stroke:#101828;fill:#101828}.c1{stroke:#1570ef;fill:#1570ef}.c2{stroke:#d92d20;fill:#d92d20}
.c3{stroke:#079455;fill:#079455}.c4{stroke:#dc6803;fill:#dc6803}.c5{stroke:#7a5af8;fill:#7a5af8}
.c6{stroke:#0e9384;fill:#0e9384}.c7{stroke:#c11574;fill:#c11574}.c8{stroke:#667085;fill:#667085}
path.c0,path.c1,path.c2,path.c3,path.c4,path.c5,path.c6,path.c7,path.c8{fill:none}
@media(prefers-color-scheme:dark){.c0{stroke:#f2f4f7;fill:#f2f4f7}}
.key{margin-right:1rem}.key::before{content:"";display:inline-block;width:1.1em;
border-top:3px solid;vertical-align:.25em;margin-right:.4em;border-color:#1570ef}
.key.need::before{border-color:#98a2b3}.key.billed::before{border-color:#b2ccff}
.key.c0::before{border-color:currentColor}.key.c2::before{border-color:#d92d20}
.key.c3::before{border-color:#079455}.key.c4::before{border-color:#dc6803}
.key.c5::before{border-color:#7a5af8}.key.c6::before{border-color:#0e9384}
.key.c7::before{border-color:#c11574}.key.c8::before{border-color:#667085}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that one report tells."""

    title: str
    world: World
    shown: str
    """Name of the policy whose day is drawn."""
    run: Run
    """That policy's run, at its own head-room."""
    decisions: Sequence[Decision]
    sweeps: Mapping[str, Sequence[tuple[float, Run]]]
    """Contender to (target, run) pairs."""
    scores: Mapping[str, Score]
    frontier: Frontier
    wanted: float


def render(story: Story) -> str:
    """Return the whole HTML document."""
    parts = [
        f"<h1>{escape(story.title)}</h1>",
        f'<p class="sub">{escape(_subtitle(story))}</p>',
        "<h2>Replicas against need</h2>",
        _day(story),
        _actions(story.decisions),
        "<h2>Cost over attainment, everybody swept over its own target</h2>",
        _frontiers(story),
        f"<h2>At {story.wanted:.0%} attainment</h2>",
        _table(story),
        "<h2>What if: our head-room</h2>",
        _what_if(story),
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(story.title)}</title><style>{CSS}</style><main>{''.join(parts)}</main>"
    )


def _subtitle(story: Story) -> str:
    world, run = story.world, story.run
    hours = len(run.need) * SLOT_SECONDS / 3600
    itl = world.objective.itl_ratio * world.load.alpha_seconds
    return (
        f"{world.load.name}: {hours:.1f} h, need {run.need.min()} to {run.need.max()} replicas, "
        f"cold start {world.cold_start_seconds:g} s, SLO ITL {itl * 1000:.1f} ms and wait "
        f"{world.objective.wait_seconds:g} s. {story.shown}: attainment {run.attainment:.2%}, "
        f"{run.actions} scale calls, {run.flaps} flaps."
    )


def _day(story: Story) -> str:
    run = story.run
    hours = [slot * SLOT_SECONDS / 3600 for slot in range(len(run.need))]
    top = float(max(run.billed.max(), run.need.max()))
    lines = [
        Line(label="need", x=hours, y=run.need.tolist(), style="need", steps=True),
        Line(label="billed", x=hours, y=run.billed.tolist(), style="billed", steps=True),
        Line(label="serving", x=hours, y=run.ready.tolist(), style="ready", steps=True),
    ]
    axes = (
        Axis(low=0.0, high=hours[-1] or 1.0, unit="hours", form="{:.1f}"),
        Axis(low=0.0, high=top, unit="replicas", form="{:.0f}"),
    )
    start = story.decisions[0].at if story.decisions else 0.0
    marks = [
        Mark(
            x=(decision.at - start) / 3600,
            y=float(decision.ask or 0),
            style="up" if decision.verdict is Verdict.UP else "down",
            text=f"{decision.current} to {decision.ask}: {decision.reason}. {decision.because}",
        )
        for decision in story.decisions
        if decision.ask is not None
    ]
    return f"<figure>{chart('Replicas over time', axes, lines, marks)}{legend(lines)}</figure>"


def _actions(decisions: Sequence[Decision]) -> str:
    asked = [decision for decision in decisions if decision.ask is not None]
    if not asked:
        return "<p>No scale call was made.</p>"
    start = decisions[0].at
    rows = "".join(
        f"<tr><td>{(d.at - start) / 3600:.2f} h</td><td>{d.current} to {d.ask}</td>"
        f"<td>{escape(d.reason)}</td><td>{escape(d.because)}</td></tr>"
        for d in asked[:SHOWN_ACTIONS]
    )
    more = len(asked) - SHOWN_ACTIONS
    rest = f"<p>And {more} more.</p>" if more > 0 else ""
    return (
        f"<details><summary>{len(asked)} scale calls and their reasons</summary>"
        f"<table><tr><th>at</th><th>replicas</th><th>reason</th><th>because</th></tr>{rows}"
        f"</table>{rest}</details>"
    )


def _frontiers(story: Story) -> str:
    unit = 3600.0 / SLOT_SECONDS
    near = story.frontier.attainment >= 0.9
    lines = [
        Line(
            label="clairvoyant",
            x=(story.frontier.attainment[near] * 100).tolist(),
            y=(story.frontier.cost[near] / unit).tolist(),
            style="c0",
        )
    ]
    drawn = sorted(story.scores, key=lambda name: story.scores[name].gap)[: len(STYLES)]
    for style, name in zip(STYLES, drawn, strict=False):
        runs = sorted((run for _, run in story.sweeps[name]), key=lambda run: run.attainment)
        inside = [run for run in runs if run.attainment >= 0.9]
        lines.append(
            Line(
                label=name,
                x=[run.attainment * 100 for run in inside],
                y=[run.cost / unit for run in inside],
                style=style,
                marks=True,
            )
        )
    top = max((max(line.y) for line in lines if len(line.y)), default=1.0)
    axes = (
        Axis(low=90.0, high=100.0, unit="attainment, %", form="{:.1f}"),
        Axis(low=0.0, high=top, unit="replica-hours", form="{:.0f}"),
    )
    title = "Cost over attainment"
    return f"<figure>{chart(title, axes, [x for x in lines if len(x.x)])}{legend(lines)}</figure>"


def _table(story: Story) -> str:
    head = (
        "<tr><th>policy</th><th>G</th><th>attainment</th><th>saving captured</th><th>short</th>"
        "<th>surplus</th><th>calls a day</th><th>flaps a day</th><th>recovery</th></tr>"
    )
    rows = []
    for name, found in sorted(story.scores.items(), key=lambda item: item[1].gap):
        mine = ' class="ours"' if name == story.shown else ""
        missed = "" if found.reached else " (missed)"
        rows.append(
            f"<tr{mine}><td>{escape(name)}</td><td>{found.gap:+.1%}</td>"
            f"<td>{found.attainment:.1%}{missed}</td><td>{found.captured:.0%}</td>"
            f"<td>{found.under:.1%}</td><td>{found.over:.1%}</td>"
            f"<td>{found.actions_per_day:.1f}</td><td>{found.flaps_per_day:.1f}</td>"
            f"<td>{found.recover_seconds:.0f} s</td></tr>"
        )
    return (
        f"<table>{head}{''.join(rows)}</table><p class='sub'>G: cost above a clairvoyant's at "
        "equal attainment. Short and surplus: mean share of the need.</p>"
    )


def _what_if(story: Story) -> str:
    tried = sorted(story.sweeps.get(story.shown, ()), key=lambda pair: pair[0])
    unit = 3600.0 / SLOT_SECONDS
    rows = "".join(
        f"<tr><td>{target:.2f}</td><td>{run.attainment:.2%}</td><td>{run.cost / unit:.1f}</td>"
        f"<td>{run.cost / story.frontier.cost_at(run.attainment) - 1:+.1%}</td>"
        f"<td>{run.actions}</td></tr>"
        for target, run in tried
    )
    return (
        "<table><tr><th>head-room</th><th>attainment</th><th>replica-hours</th><th>G</th>"
        f"<th>scale calls</th></tr>{rows}</table>"
    )
