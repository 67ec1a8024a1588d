"""`neevscale backtest`: judge policies on a trace of requests, without a cluster and without a
network.
"""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from autoscaler.backtest.contenders import CONTENDERS, OURS
from autoscaler.backtest.load import Objective, factor_for_peak, load_of
from autoscaler.backtest.ours import deployment_seen
from autoscaler.backtest.report import Story, render
from autoscaler.backtest.trace import DAY, SHAPES, BadTrace, Trace, read_trace, synthetic
from autoscaler.backtest.trial import (
    Entry,
    Outcome,
    Setup,
    as_json,
    best_of,
    clairvoyant_served,
    run_trial,
)
from autoscaler.cli.context import load_or_stop
from autoscaler.cli.loopback import forget_environment
from autoscaler.cli.options import duration
from autoscaler.cli.output import ExitCode, print_table, say, stop
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profile_table import DEFAULT_PROFILE, PROFILES
from autoscaler.emulator.profiles import BadProfile, Profile, read_profile

CORES = min(2, os.cpu_count() or 1)
"""Processes unless told otherwise."""

TraceFile = Annotated[
    Path | None, typer.Option(help="CSV or CSV.gz: arrival_s,prompt_tokens,output_tokens.")
]
ShapeName = Annotated[
    str, typer.Option(help=f"Synthetic load without a trace: {', '.join(SHAPES)}.")
]
Days = Annotated[float, typer.Option(help="Days of it that are used.")]
ProfileName = Annotated[str, typer.Option(help="Replica profile: a name, or FILE or FILE#ROW.")]
Policies = Annotated[
    list[str] | None,
    typer.Option(help="A contender's name, or a configuration file; repeatable. All if none."),
]
ColdStart = Annotated[float, typer.Option(parser=duration)]
SloText = Annotated[
    str, typer.Option(help="ttft=SECONDS,itl=SECONDS; else 1 s of wait and 3 idle ITLs.")
]
Attainment = Annotated[float, typer.Option(min=0.5, max=1.0)]
RateScale = Annotated[
    float | None, typer.Option(help="Multiply the load; else so that --peak is needed.")
]
Peak = Annotated[float, typer.Option(help="Replicas that the busiest 5 minutes shall need.")]
Minimum = Annotated[int, typer.Option("--min", min=1)]
Maximum = Annotated[int | None, typer.Option("--max", min=1)]
Seeds = Annotated[list[int] | None, typer.Option(help="Repeatable; 1 if none.")]
Exact = Annotated[
    bool, typer.Option(help="Judge each on every request as well, in the exact fleet.")
]
Processes = Annotated[int, typer.Option(min=1)]
JsonFile = Annotated[Path | None, typer.Option("--json")]
Report = Annotated[Path | None, typer.Option(help="Write an HTML report.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """The workload that a person asked for, as they wrote it."""

    trace: Path | None
    shape: str
    days: float
    profile: str
    slo: str
    scale: float | None
    peak: float


def backtest(  # noqa: PLR0913  # a command's options are its parameters
    *,
    trace: TraceFile = None,
    shape: ShapeName = "bursts",
    days: Days = 7.0,
    profile: ProfileName = DEFAULT_PROFILE,
    policy: Policies = None,
    cold_start_seconds: ColdStart = 180.0,
    slo: SloText = "",
    attainment: Attainment = 0.98,
    rate_scale: RateScale = None,
    peak: Peak = 8.0,
    minimum: Minimum = 1,
    maximum: Maximum = None,
    seed: Seeds = None,
    exact: Exact = False,
    processes: Processes = CORES,
    json_file: JsonFile = None,
    report: Report = None,
) -> None:
    """Judge policies on a trace: what each costs above a clairvoyant at equal attainment.

    The core that runs in the daemon decides from probes of simulated replicas; peers get the true
    request rates and queue lengths.

    Example: neevscale backtest --shape day --days 1 --policy neevscale --policy hpa-concurrency
    """
    forget_environment()
    entries = [_entry(name) for name in policy or CONTENDERS]
    load = _Load(
        trace=trace, shape=shape, days=days, profile=profile, slo=slo, scale=rate_scale, peak=peak
    )
    setup = replace(_setup(load), cold_start_seconds=cold_start_seconds, attainment=attainment)
    setup = replace(setup, minimum=minimum, maximum=maximum, exact=exact)
    outcomes = _run(setup, entries, seed or [1], processes)
    _print(setup, outcomes)
    _write(setup, outcomes, json_file=json_file, report=report)


def _setup(load: _Load) -> Setup:
    trace, profile = _trace(load.trace, load.shape, load.days), _profile(load.profile)
    objective = _objective(load.slo, profile)
    return Setup(
        trace=trace,
        profile=profile,
        objective=objective,
        rate_scale=load.scale or _scale_for(trace, profile, objective, load.peak),
    )


def _write(
    setup: Setup, outcomes: list[Outcome], *, json_file: Path | None, report: Path | None
) -> None:
    if json_file is not None:
        json_file.write_text(json.dumps(as_json(setup, outcomes), indent=2) + "\n")
    if report is not None:
        report.write_text(_report(setup, outcomes, outcomes[0].seed))
        say(f"Report: {report}")


def _run(setup: Setup, entries: list[Entry], seeds: list[int], processes: int) -> list[Outcome]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("backtest", total=len(entries) * len(seeds))
        return run_trial(
            setup,
            entries,
            seeds,
            processes=processes,
            progress=lambda done: bar.update(task, advance=1, description=done),
        )


def _entry(name: str) -> Entry:
    if name in CONTENDERS:
        return Entry(name=name)
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        stop(
            f"{name} is neither a policy nor a configuration file. Policies: "
            f"{', '.join(CONTENDERS)}.",
            ExitCode.USAGE,
        )
    example = deployment_seen(replicas=1, settled=True, uptime_seconds=0)
    return Entry(name=path.stem, policy=load_or_stop(path).settings.policy_for(example))


def _trace(path: Path | None, shape: str, days: float) -> Trace:
    if path is not None:
        try:
            return read_trace(path).between(0.0, days * DAY)
        except BadTrace as fault:
            stop(str(fault), ExitCode.USAGE)
    if shape not in SHAPES:
        stop(f"There is no shape {shape}. Shapes: {', '.join(SHAPES)}.", ExitCode.USAGE)
    return synthetic(shape, days=min(days, 7.0), peak_rate=20.0, seed=1)


def _profile(wanted: str) -> Profile:
    if wanted in PROFILES:
        return PROFILES[wanted]
    name, _, row = wanted.partition("#")
    try:
        with Path(name).open() as lines:
            return read_profile(lines, row or None)
    except OSError as fault:
        stop(
            f"{wanted} is neither a profile nor a readable file ({fault.strerror}). Profiles: "
            f"{', '.join(PROFILES)}.",
            ExitCode.USAGE,
        )
    except BadProfile as fault:
        stop(str(fault), ExitCode.USAGE)


def _objective(slo: str, profile: Profile) -> Objective:
    if not slo:
        return Objective()
    known = {"ttft": Objective().wait_seconds, "itl": 0.0}
    for part in slo.split(","):
        key, _, text = part.strip().partition("=")
        if key not in known:
            stop(f"--slo {slo}: write ttft=1.0,itl=0.05 (seconds), either or both", ExitCode.USAGE)
        try:
            known[key] = duration(text)
        except typer.BadParameter as fault:
            stop(f"--slo {slo}: {key} {fault.message}", ExitCode.USAGE)
    ratio = known["itl"] / profile.idle_step_seconds() or Objective().itl_ratio
    if ratio <= 1.0:
        stop(
            f"--slo {slo}: no replica count meets an ITL at or below the profile's idle one, "
            f"{profile.idle_step_seconds() * 1000:.1f} ms",
            ExitCode.USAGE,
        )
    return Objective(itl_ratio=ratio, wait_seconds=known["ttft"])


def _scale_for(trace: Trace, profile: Profile, objective: Objective, peak: float) -> float:
    return factor_for_peak(load_of(trace, profile, Physics()), objective, peak)


def _print(setup: Setup, outcomes: list[Outcome]) -> None:
    summary = as_json(setup, outcomes)["policies"]
    rows = []
    for name, found in sorted(summary.items(), key=lambda item: item[1]["G"]):  # type: ignore[attr-defined]  # built above as a dict
        missed = "" if found["reached"] else " (missed)"
        rows.append(
            (
                name,
                f"{found['G']:+.1%}",
                f"{found['G_worst_seed']:+.1%}",
                f"{found['attainment']:.1%}{missed}",
                f"{found['cost']:.1f}",
                f"{found['actions_per_day']:.1f}",
                f"{found['flaps_per_day']:.1f}",
            )
        )
    say(
        f"{setup.trace.name} x {setup.rate_scale:.2f} on {setup.profile.name}, cold start "
        f"{setup.cold_start_seconds:g} s. G: cost above a clairvoyant at equal attainment."
    )
    columns = (
        "policy", "G", "worst seed", "attainment", "replica-hours", "calls a day", "flaps a day",
    )  # fmt: skip
    print_table(columns, rows, empty="No policy ran.")
    _print_served(setup, outcomes)


def _print_served(setup: Setup, outcomes: list[Outcome]) -> None:
    served = [(outcome, outcome.served) for outcome in outcomes if outcome.served is not None]
    if not served:
        return
    best = clairvoyant_served(setup, served[0][0].seed)
    rows = [
        (
            o.name,
            o.seed,
            f"{s.good_ratio:.2%}",
            f"{s.wait_good_ratio:.2%}",
            f"{s.itl_good_ratio:.2%}",
        )
        for o, s in served
    ]
    rows.append(
        (
            "clairvoyant",
            served[0][0].seed,
            f"{best.good_ratio:.2%}",
            f"{best.wait_good_ratio:.2%}",
            f"{best.itl_good_ratio:.2%}",
        )
    )
    say("On every request, in the exact fleet, at the target chosen above:")
    print_table(("policy", "seed", "within SLO", "wait", "ITL"), rows, empty="")


def _report(setup: Setup, outcomes: list[Outcome], seed: int) -> str:
    mine = {outcome.name: outcome for outcome in outcomes if outcome.seed == seed}
    shown = mine.get(OURS) or next(iter(mine.values()))
    return render(
        Story(
            title=f"Backtest of {shown.name} on {setup.trace.name}",
            world=setup.world(seed),
            shown=shown.name,
            run=shown.run,
            decisions=shown.decisions,
            sweeps={name: outcome.sweep for name, outcome in mine.items()},
            scores={name: outcome.score for name, outcome in mine.items()},
            frontier=best_of(setup, seed),
            wanted=setup.attainment,
        )
    )
