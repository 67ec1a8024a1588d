"""Recorded runs of real engines, each read by a line learned from the others."""

import gzip
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from estimator_rig import EPOCH, result

from autoscaler.core.alpha import Believed
from autoscaler.core.estimate import Reading, reading
from autoscaler.core.hearing import listened, pooled, prompts
from autoscaler.core.learned import Learning
from autoscaler.core.learning import lesson
from autoscaler.core.level import Level
from autoscaler.core.line import Line, objectives_of
from autoscaler.core.model import ProbeResult
from autoscaler.core.policy import Slo
from autoscaler.core.window import Sample, sample_of

FULL = frozenset({"rho0.9", "rho1.2", "rho1.3"})
"""Recorded runs in which the engine was full, by name; on llama-server also rho0.8."""


def data_folder() -> Path:
    """Where the recordings lie: NEEVSCALE_SHARED_DATA, else beside the checkout."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("NEEVSCALE_SHARED_DATA", beside)) / "perf"


def recorded(engine: str) -> list[dict[str, Any]]:
    """Runs of one engine with probes, idle and loaded, without the bursts."""
    with gzip.open(data_folder() / f"real_engine_probes_{engine}.jsonl.gz", "rt") as lines:
        runs = [json.loads(line) for line in lines]
    return [
        run
        for run in runs
        if run["probes"] and run["kind"] in {"load", "idle"} and "burst" not in run["name"]
    ]


def is_full(run: dict[str, Any]) -> bool:
    return run["name"] in FULL or (run["engine"] == "llama" and run["name"] == "rho0.8")


def probes_of(run: dict[str, Any]) -> list[ProbeResult]:
    found = []
    for one in run["probes"]:
        if "ttft" in one and len(one["chunks"]) > 1:
            counts = one.get("cum") or list(range(1, len(one["chunks"]) + 1))
            at = EPOCH + run["wall_s"] + one["t0"]
            found.append(result(at, one["chunks"], counts, failed=False))
    return found


@dataclass(frozen=True)
class Score:
    """One recorded run, read by what other runs taught."""

    name: str
    true: float
    found: Reading
    heard: float
    """Arrivals counted."""
    sent: float
    """Arrivals that the run's rate gives in the seconds listened."""
    plain: float
    """E1."""


def scored(engine: str) -> list[Score]:
    """Score each run that was not full by a line learned from all the others."""
    runs = recorded(engine)
    return [
        _score(run, [other for other in runs if other is not run])
        for run in runs
        if run["kind"] == "load" and not is_full(run)
    ]


def _score(run: dict[str, Any], others: list[dict[str, Any]]) -> Score:
    learning, plateau = _taught(others)
    alpha = learning.alpha or (learning.curve.alpha if learning.curve else 0.01)
    believed = Believed(seconds=alpha, trusted=True, because="learned from other runs")
    cap = 1.0 - alpha / plateau
    line = Line(
        alpha=alpha,
        cap=cap,
        rates=learning.rates,
        full_rate=learning.full_rate(cap),
        sigma=0.25,
        objectives=objectives_of(
            Slo(), alpha=alpha, alpha_trusted=believed.trusted, idle_ttft=None
        ),
    )
    _, samples = _heard(learning, run)
    spans = learning.ear.spans
    found = reading(samples, line, ear=spans if learning.audible else None)
    assert found is not None
    heard = pooled(sample.heard for sample in samples)
    return Score(
        name=run["name"],
        true=run["rho_true"],
        found=found,
        heard=prompts(heard, spans),
        sent=_sent(run) * heard.seconds,
        plain=1.0 - alpha / found.itl,
    )


def _sent(run: dict[str, Any]) -> float:
    """Requests a second that the recording's users sent while probes ran."""
    column = run["background_cols"].index("sched")
    sent = sum(1 for row in run["background"] if 0.0 <= row[column] <= run["dur"])
    return sent / float(run["dur"])


def _taught(runs: list[dict[str, Any]]) -> tuple[Learning, float]:
    learning, full = Learning(), []
    for run in runs:
        learning, samples = _heard(replace(learning, level=Level()), run)
        if is_full(run):
            full += [sample.itl for sample in samples if sample.itl is not None]
        chunk: list[Sample] = []
        for sample in samples:
            chunk.append(sample)
            if sample.at - chunk[0].at >= 60.0:
                begun = replace(learning, chunk_from=chunk[0].at - 1.0, fitted_at=0.0)
                learning = lesson(begun, tuple(chunk), now=sample.ended_at + 1.0)
                chunk = []
    return learning, sorted(full)[len(full) // 2]


def _heard(learning: Learning, run: dict[str, Any]) -> tuple[Learning, tuple[Sample, ...]]:
    ear, samples = learning.ear, []
    for one in probes_of(run):
        ear, heard = listened(ear, one)
        samples.append(sample_of(one, replicas=1, heard=heard))
    return replace(learning, ear=ear), tuple(samples)
