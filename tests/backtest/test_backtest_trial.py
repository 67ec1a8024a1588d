"""A trial of several policies, its tables and its report."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from autoscaler.backtest import report, table, trial
from autoscaler.backtest.grid import Cell, compute, first_cells, other_cells, run_cells
from autoscaler.backtest.trace import synthetic
from autoscaler.backtest.trial import Entry, Setup, run_trial
from autoscaler.emulator.profile_table import DEFAULT_PROFILE, PROFILES

pytestmark = pytest.mark.slow

SETUP = Setup(
    trace=synthetic("day", days=0.1, peak_rate=8.0, seed=1),
    profile=PROFILES[DEFAULT_PROFILE],
    rate_scale=6.0,
)
ENTRIES = [Entry(name=name) for name in ("neevscale", "hpa-concurrency", "oracle-now")]


def test_the_result_does_not_depend_on_the_number_of_processes() -> None:
    alone = run_trial(SETUP, ENTRIES, [1, 2], processes=1)
    together = run_trial(SETUP, ENTRIES, [1, 2], processes=2)

    assert trial.as_json(SETUP, alone) == trial.as_json(SETUP, together)


def test_every_policy_is_judged_at_the_wanted_attainment() -> None:
    outcomes = run_trial(SETUP, ENTRIES, [1], processes=1)

    result = trial.as_json(SETUP, outcomes)

    assert set(result["policies"]) == {entry.name for entry in ENTRIES}  # type: ignore[call-overload]
    assert json.loads(json.dumps(result)) == result
    for outcome in outcomes:
        assert outcome.score.gap >= -1e-9, "nobody is cheaper than the clairvoyant"


def test_the_exact_fleet_judges_requests() -> None:
    setup = replace(SETUP, exact=True, trace=SETUP.trace.between(0.0, 1800.0))

    (outcome,) = run_trial(setup, [Entry(name="static")], [1], processes=1)

    assert outcome.served is not None
    assert outcome.served.requests > 1000
    assert 0.5 < outcome.served.good_ratio <= 1.0
    assert trial.clairvoyant_served(setup, 1).good_ratio > 0.5


def test_the_report_shows_the_day_the_frontier_and_the_reasons() -> None:
    outcomes = run_trial(SETUP, ENTRIES, [1], processes=1)
    ours = outcomes[0]

    page = report.render(
        report.Story(
            title="A <day> & its story",
            world=SETUP.world(1),
            shown="neevscale",
            run=ours.run,
            decisions=ours.decisions,
            sweeps={o.name: o.sweep for o in outcomes},
            scores={o.name: o.score for o in outcomes},
            frontier=trial.best_of(SETUP, 1),
            wanted=0.98,
        )
    )

    assert "A &lt;day&gt; &amp; its story" in page
    assert page.count("<svg") == 2
    assert "clairvoyant" in page
    assert "http" not in page.replace("http://127.0.0.1", ""), "no external request"


def test_a_cell_of_the_grid_scores_everybody_at_both_attainments() -> None:
    cell = Cell(
        workload="steady",
        peak=3.0,
        cold_start_seconds=60.0,
        seed=1,
        names=("static", "oracle-now", "hpa-concurrency", "neevscale"),
        days=0.05,
    )

    results = compute(cell)

    assert len(results) == 8
    shown = table.workload_table([r for r in results if r.wanted == 0.98])
    assert "| oracle-now |" in shown
    assert "steady (SYNTHETIC)" in table.summary_table([r for r in results if r.wanted == 0.98])


def test_the_other_cold_starts_keep_the_three_best_peers() -> None:
    cells = first_cells(["steady"], seeds=[1], peaks=[3.0], days=0.03)
    results = run_cells(cells, processes=1)
    good = {r.contender: r.target for r in results if r.wanted == 0.98}

    (cell,) = other_cells(results, cells, [60.0])

    assert cell.cold_start_seconds == 60.0
    assert len(cell.names) == 4 + 3
    assert {"neevscale", "static", "oracle-now", "oracle-foresight"} <= set(cell.names)
    assert dict(cell.near) == good


def test_a_grid_that_was_cut_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    kept = tmp_path / "grid.jsonl"
    cells = [
        Cell(
            workload="steady",
            peak=3.0,
            cold_start_seconds=60.0,
            seed=seed,
            names=("static", "oracle-now"),
            near=(("oracle-now", 0.8),),
            days=0.03,
        )
        for seed in (1, 2)
    ]
    whole = run_cells(cells, processes=1, kept=kept)
    first, second = kept.read_text().splitlines(keepends=True)
    kept.write_text(first + second[:40])
    counts: list[int] = []

    again = run_cells(cells, processes=1, kept=kept, progress=lambda done, _: counts.append(done))

    assert again == whole
    assert counts == [1, 2]
    assert run_cells(cells[:1], processes=1, kept=kept) == whole[:4]
