"""`neevscale replay`: the recorded past decided again, under the same policy or another one."""

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from autoscaler.cli.context import load_or_stop
from autoscaler.cli.explain import parse_instant
from autoscaler.cli.options import ConfigOption, FormatOption, NameArgument
from autoscaler.cli.output import ExitCode, Format, instant, print_json, print_table, say, stop
from autoscaler.core.codec import Undecodable, decode, encode
from autoscaler.core.model import Decision, Json, Observation
from autoscaler.core.policy import Policy
from autoscaler.core.replay import read_observations
from autoscaler.core.replay import replay as decide_again
from autoscaler.core.state import State, decode_state
from autoscaler.daemon.housekeeping import CHECKPOINT
from autoscaler.store import StoreReader, StoreUnusable

SHOWN = 40
"""Rows printed at most; the JSON has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Era:
    """From `at` on this policy decided, and met this state."""

    at: float
    state: State
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the state file holds of one deployment."""

    observations: tuple[Observation, ...]
    recorded: dict[float, Json]
    eras: tuple[Era, ...]
    """Where the state is known, oldest first; empty = nowhere, so a few decisions may differ."""


def replay(  # noqa: PLR0913  # a command's options are its parameters
    name: NameArgument,
    *,
    since: Annotated[
        str | None, typer.Option(help="From this instant on: 2026-01-31T18:00. Else all there is.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Up to this instant.")] = None,
    policy: Annotated[
        Path | None,
        typer.Option(help="Configuration whose policy shall decide instead: what would have been."),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="State file. Else state.path of the configuration.")
    ] = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Decide the recorded past of a deployment again, from the observations in the state file.

    Under the policy that was in force, every decision must come out the same to the bit; if one
    does not, exit code 3. With --policy FILE: what another policy would have decided in the same
    situations.

    Examples: `neevscale replay chat-a` · `neevscale replay chat-a --policy cautious.yaml`
    """
    settings = load_or_stop(config).settings
    deciding = load_or_stop(policy).settings if policy is not None else settings
    window = _bound(since, 0.0), _bound(until, math.inf)
    past = _read(state or Path(settings.state.path), name, window)
    other = None if policy is None else deciding.policy_for(past.observations[-1].deployment)
    decisions = _decide(past, other or settings.policy_for(past.observations[-1].deployment))
    if policy is None and past.eras:
        decisions = _decide_by_era(past)
    if output is Format.JSON:
        print_json({"decisions": [encode(decision) for decision in decisions]})
    if policy is None:
        _verify(past, decisions, quiet=output is Format.JSON)
    elif output is Format.TABLE:
        _compare(past, decisions)


def _bound(text: str | None, default: float) -> float:
    return default if text is None else parse_instant(text)


def _read(path: Path, name: str, window: tuple[float, float]) -> Past:
    try:
        with closing(StoreReader(path)) as reader:
            deployment = _id_of(reader, name)
            eras = _eras(reader, deployment, window)
            since = eras[0].at if eras else window[0]
            documents = reader.observations(deployment, since=since, until=window[1])
            recorded = reader.decisions(deployment, since=since, until=window[1])
            observations = tuple(read_observations(documents))
    except (StoreUnusable, Undecodable) as fault:
        stop(str(fault), ExitCode.USAGE)
    if not observations:
        stop(f"The state file {path} holds no observation of {name} in that time.")
    return Past(observations=observations, recorded=recorded, eras=eras)


def _id_of(reader: StoreReader, name: str) -> str:
    """Return the id of a deployment by name or id; ends the command where there is none."""
    names: dict[str, str] = {}
    for id_, document in reader.documents("watch").items():
        seen = document.get("deployment") if isinstance(document, dict) else None
        names[str(seen.get("name")) if isinstance(seen, dict) else id_] = id_
    if name in names.values():
        return name
    if name not in names:
        stop(f"The state file knows no deployment {name}. It knows: {', '.join(sorted(names))}.")
    return names[name]


def _eras(reader: StoreReader, deployment: str, window: tuple[float, float]) -> tuple[Era, ...]:
    """Return the eras from the newest checkpoint before the window on, else from the oldest."""
    kept = sorted(
        (
            Era(
                at=float(str(document["at"])),
                state=decode_state(document["state"]),
                policy=decode(Policy, document["policy"]),
            )
            for document in reader.documents(CHECKPOINT).values()
            if isinstance(document, dict) and document.get("deployment_id") == deployment
        ),
        key=lambda era: era.at,
    )
    before = sum(1 for era in kept if era.at <= window[0])
    return tuple(era for era in kept[max(0, before - 1) :] if era.at <= window[1])


def _decide(past: Past, policy: Policy) -> list[Decision]:
    state = past.eras[0].state if past.eras else State()
    return list(decide_again(past.observations, policy, state))


def _decide_by_era(past: Past) -> list[Decision]:
    """Decide each era again with the policy and the state that it had."""
    decisions: list[Decision] = []
    ends = [era.at for era in past.eras[1:]] + [math.inf]
    for era, end in zip(past.eras, ends, strict=True):
        mine = [seen for seen in past.observations if era.at <= seen.at < end]
        decisions += decide_again(mine, era.policy, era.state)
    return decisions


def _verify(past: Past, decisions: Sequence[Decision], *, quiet: bool) -> None:
    again = {decision.at: decision for decision in decisions}
    differing = [
        (at, document, again[at])
        for at, document in past.recorded.items()
        if at in again and document != encode(again[at])
    ]
    if not quiet:
        say(
            f"{len(decisions)} observations decided again; {len(past.recorded)} decisions were "
            f"recorded, {len(differing)} of them come out differently."
        )
        _print_differences(differing)
    if differing and past.eras:
        stop(
            "The same policy must give the same decisions. Was neevscale itself changed since?",
            ExitCode.CHECK_FAILED,
        )
    if differing and not quiet:
        say("The state before the first observation is not known, so a few may differ at first.")


def _print_differences(differing: Sequence[tuple[float, Json, Decision]]) -> None:
    rows = [
        (
            instant(at),
            _field(before, "target"),
            _field(before, "reason"),
            after.target,
            after.reason,
        )
        for at, before, after in differing[:SHOWN]
    ]
    columns = ("AT", "TARGET THEN", "REASON THEN", "TARGET NOW", "REASON NOW")
    if rows:
        print_table(columns, rows, empty="")


def _compare(past: Past, decisions: Sequence[Decision]) -> None:
    """Print where another policy would have wanted another count."""
    rows, held = [], None
    for seen, decision in zip(past.observations, decisions, strict=True):
        held = past.recorded.get(decision.at, held)
        then = _field(held, "target") if held is not None else seen.deployment.replicas
        if decision.target != then:
            rows.append((instant(decision.at), then, decision.target, decision.because))
    share = len(rows) / len(decisions)
    say(
        f"In {share:.0%} of {len(decisions)} recorded situations this policy would have wanted "
        "another count. Each situation is as it was: counts that never ran show no latencies."
    )
    print_table(
        ("AT", "TARGET THEN", "TARGET NOW", "BECAUSE"),
        rows[:SHOWN],
        empty="It would have decided the same throughout.",
    )
    if len(rows) > SHOWN:
        say(f"And {len(rows) - SHOWN} more; --output json has all.")


def _field(document: Json, name: str) -> object:
    return document.get(name) if isinstance(document, dict) else None
