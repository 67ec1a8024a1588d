"""`neevscale calibrate`: measures an idle deployment's own speed, on a person's word."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from autoscaler.app.adapters import build_prober
from autoscaler.cli.asking import agree
from autoscaler.cli.context import daemon_for, load_or_stop, run
from autoscaler.cli.daemon import DaemonClient, DaemonError
from autoscaler.cli.options import (
    ConfigOption,
    FormatOption,
    NameArgument,
    UrlOption,
    YesOption,
)
from autoscaler.cli.output import ExitCode, Format, note, print_json, say, stop
from autoscaler.cli.platform import find, open_cloud
from autoscaler.clock import SystemClock
from autoscaler.core.codec import decode
from autoscaler.core.model import Decision, Deployment, Estimate
from autoscaler.probes.calibrate import (
    Calibration,
    CalibrationRefused,
    Calibrator,
    refuse_unless_idle,
)
from autoscaler.probes.honesty import LagSampler
from autoscaler.settings import Settings


def calibrate(  # noqa: PLR0913  # its options
    name: NameArgument,
    *,
    max_num_seqs: Annotated[
        int | None,
        typer.Option(min=1, help="The engine's largest batch, if you know it.", show_default=False),
    ] = None,
    yes: YesOption = False,
    url: UrlOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Measure how fast a deployment is when idle, with short bursts of probes.

    It must run one replica and serve nobody else meanwhile: at the first sign of other load it
    stops. The result is what to write into the configuration; nothing is changed by itself.

    Example: `neevscale calibrate chat-a`
    """
    settings = load_or_stop(config).settings
    deployment = run(lambda: _find(settings, name))
    estimate = run(lambda: _estimate(daemon_for(config, url), deployment.name))
    try:
        refuse_unless_idle(deployment, estimate)
        agree(f"Send bursts of probes to {deployment.name}, which must be idle?", yes=yes)
        cap = max_num_seqs or settings.policy_for(deployment).max_num_seqs
        found = run(lambda: _calibrate(settings, deployment, estimate, cap))
    except CalibrationRefused as error:
        stop(str(error), ExitCode.CHECK_FAILED)
    if output is Format.JSON:
        print_json({key: value for key, value in asdict(found).items() if key != "lone_probes"})
        return
    for line in lines(deployment, found):
        say(line)


async def _find(settings: Settings, name: str) -> Deployment:
    async with open_cloud(settings) as cloud:
        return await find(cloud, name)


async def _estimate(client: DaemonClient, name: str) -> Estimate | None:
    """What a running daemon knows of the load; None where there is none to ask."""
    try:
        answer = await client.get("decisions", deployment=name, limit="1")
    except DaemonError:
        return None
    decisions = answer["decisions"]
    return decode(Decision, decisions[0]).estimate if decisions else None


async def _calibrate(
    settings: Settings, deployment: Deployment, estimate: Estimate | None, cap: int | None
) -> Calibration:
    clock = SystemClock()
    sampler = LagSampler(clock)
    sampler.start()
    prober = build_prober(settings, clock=clock, sampler=sampler)
    try:
        return await Calibrator(prober, clock, note).run(deployment, estimate, cap=cap)
    finally:
        await asyncio.shield(prober.close())
        sampler.stop()


def lines(deployment: Deployment, found: Calibration) -> Iterator[str]:
    """What a calibration found, and how to use it."""
    largest = max(found.burst_seconds)
    alone, together = found.alpha_seconds * 1000, found.burst_seconds[largest] * 1000
    yield f"{deployment.name}: {alone:.2f} ms a token when idle, after {found.probes} probes."
    yield f"Its first token took {found.ttft_seconds * 1000:.0f} ms."
    yield f"With {largest} at once it was {together:.2f} ms a token;"
    yield f"each further stream costs the others {found.slope_seconds * 1000:.3f} ms."
    yield "To use it, write into the entry of deployments: that matches:"
    yield f"  alpha_seconds: {found.alpha_seconds:.5f}"
