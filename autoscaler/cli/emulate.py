"""`neevscale emulate`: the emulated platform at 1x, until it is told to stop."""

import asyncio
import dataclasses
import ipaddress
import json
import signal
from pathlib import Path
from typing import Annotated

import typer

from autoscaler.cli.loopback import forget_environment, shipped_file
from autoscaler.clock import SystemClock
from autoscaler.emulator.scenario import Scenario
from autoscaler.emulator.scenario_file import BadScenario, read_scenario
from autoscaler.emulator.server import Emulator

DEFAULT_SCENARIO = "demo-scenario.yaml"
USAGE_ERROR = 2
RUNTIME_ERROR = 1


def emulate(
    port: Annotated[int, typer.Option(help="Port to serve on; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Loopback address to serve on.")] = "127.0.0.1",
    scenario: Annotated[
        Path | None,
        typer.Option(help="Scenario file; without one, the demo's three deployments."),
    ] = None,
) -> None:
    """Serve an emulated platform: control plane, tenant, inventory and inference endpoints.

    Once it serves, one line of JSON says where and with which credentials. Ends on Ctrl-C or
    SIGTERM.
    The environment's NEEV_… and NEEVSCALE_… variables are ignored.
    """
    forget_environment()
    _require_loopback(host)
    plan = load_scenario(scenario or shipped_file(DEFAULT_SCENARIO))
    try:
        asyncio.run(_serve(plan, host=host, port=port))
    except OSError as error:
        typer.echo(f"Cannot serve on {host}:{port}: {error.strerror}. Try --port 0.", err=True)
        raise typer.Exit(RUNTIME_ERROR) from error


def load_scenario(path: Path) -> Scenario:
    """Read a scenario, or end the command with every fault of it on standard error."""
    try:
        return read_scenario(path)
    except BadScenario as error:
        typer.echo(str(error), err=True)
    except OSError as error:
        typer.echo(f"Cannot read the scenario {path}: {error.strerror}.", err=True)
    raise typer.Exit(USAGE_ERROR)


def _require_loopback(host: str) -> None:
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        typer.echo(
            f"--host {host}: the emulator serves on loopback addresses only, such as 127.0.0.1.",
            err=True,
        )
        raise typer.Exit(USAGE_ERROR)


async def _serve(scenario: Scenario, *, host: str, port: int) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with Emulator(scenario, clock=SystemClock(), host=host, port=port) as emulator:
        typer.echo(json.dumps(dataclasses.asdict(emulator.connection)))
        await stopping.wait()
