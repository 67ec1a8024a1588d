"""`neevscale explain`: one decision with its whole argument, as sentences."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from autoscaler.cli.context import daemon_for, run
from autoscaler.cli.daemon import DaemonClient
from autoscaler.cli.options import ConfigOption, FormatOption, NameArgument, UrlOption
from autoscaler.cli.output import ExitCode, Format, instant, money, print_json, say, stop
from autoscaler.cli.status import milliseconds
from autoscaler.core.codec import decode
from autoscaler.core.model import Counterfactual, Decision, Step
from autoscaler.core.policy import Policy


def explain(
    name: NameArgument,
    *,
    at: Annotated[
        str | None,
        typer.Option(
            help="The decision in force then: 2026-01-31T18:00 (UTC unless it says otherwise), "
            "or seconds since the epoch.",
            show_default=False,
        ),
    ] = None,
    url: UrlOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Say what was decided for a deployment, step by step, and what other counts would bring.

    Examples: `neevscale explain chat-a` · `neevscale explain chat-a --at 2026-01-31T18:00`
    """
    client = daemon_for(config, url)
    moment = None if at is None else parse_instant(at)
    view, found = run(lambda: _read(client, name, moment))
    if not found:
        stop(f"There is no decision for {name} yet. Look again after the first tick.")
    if output is Format.JSON:
        print_json({"decision": found[0], "policy": view["policy"]})
        return
    decision: Decision = decode(Decision, found[0])
    currency = view["cost"]["currency"] if view["cost"] else ""
    for line in sentences(decision, currency):
        say(line)
    if moment is None:
        say("")
        for line in policy_sentences(decode(Policy, view["policy"])):
            say(line)


async def _read(
    client: DaemonClient, name: str, at: float | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    view = await client.get("deployments", name)
    if at is None and view["decision"]:
        return view, [view["decision"]]  # kept ones are older: what repeats is not kept each time
    asked = None if at is None else repr(at)
    answer = await client.get("decisions", deployment=name, at=asked, limit="1")
    return view, answer["decisions"]


def parse_instant(text: str) -> float:
    """Seconds since the epoch of what a person wrote; ends the command where that is no instant."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        stop(f"--at: {text!r} is no instant; write 2026-01-31T18:00", ExitCode.USAGE)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def sentences(decision: Decision, currency: str) -> Iterator[str]:
    """A decision as text: the outcome, the estimate, each rule's word, other counts."""
    yield (
        f"{decision.deployment} at {instant(decision.at)}: {decision.verdict.value}, "
        f"{decision.current} -> {decision.target} ({decision.reason.value})"
    )
    yield f"  {decision.because}"
    if decision.ask is not None:
        yield f"  Asked the platform for {decision.ask}."
    if decision.held_until is not None:
        yield f"  Held until {instant(decision.held_until)}."
    if decision.estimate.because:
        yield f"  Estimate: {decision.estimate.because}"
    if decision.steps:
        yield "Step by step:"
        yield from (f"  {_step(step)}" for step in decision.steps)
    if decision.counterfactuals:
        yield "With another count:"
        yield from (f"  {_other(other, currency)}" for other in decision.counterfactuals)


def _step(step: Step) -> str:
    change = f"{step.before} -> {step.after}" if step.before != step.after else f"{step.after}"
    reason = f" [{step.reason.value}]" if step.reason is not None else ""
    return f"{step.rule}: {change}{reason}. {step.because}"


def _other(other: Counterfactual, currency: str) -> str:
    meets = {True: "meets the SLO", False: "misses the SLO", None: "cannot be predicted"}
    parts = [
        f"ITL {milliseconds(other.itl_seconds)}" if other.itl_seconds is not None else "",
        f"TTFT {milliseconds(other.ttft_seconds)}" if other.ttft_seconds is not None else "",
        meets[other.meets_slo],
        f"{money(other.cost_per_hour, currency)} an hour" if other.cost_per_hour else "",
    ]
    counted = "1 replica" if other.replicas == 1 else f"{other.replicas} replicas"
    return f"{counted}: " + ", ".join(part for part in parts if part)


def policy_sentences(policy: Policy) -> Iterator[str]:
    """The effective policy: whether it may scale, and each value that is not the default."""
    if policy.matched is None:
        yield "Policy: no entry of deployments: matches, so it is watched and never scaled."
    elif policy.max_replicas is None:
        yield f"Policy: {policy.matched} has no max_replicas, so it is watched and never scaled."
    else:
        low = policy.min_replicas or "no min"
        yield (
            f"Policy: {policy.matched}, {policy.mode.value}, "
            f"{low} to {policy.max_replicas} replicas."
        )
    plain = Policy()
    told = {"mode", "matched", "min_replicas", "max_replicas"}
    for field in fields(Policy):
        value = getattr(policy, field.name)
        if field.name not in told and value != getattr(plain, field.name):
            yield f"  {field.name}: {value}"
