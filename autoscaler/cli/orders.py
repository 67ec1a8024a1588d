"""`pause`, `resume`, `override`, `accept-endpoint`: a person's word to a running daemon."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from autoscaler.cli.context import daemon_for, run
from autoscaler.cli.daemon import who
from autoscaler.cli.options import (
    ConfigOption,
    NameArgument,
    ReasonOption,
    UrlOption,
    duration,
)
from autoscaler.cli.output import note, say, span
from autoscaler.cli.quotes import Quote, change_sentence
from autoscaler.core.codec import decode
from autoscaler.core.model import Deployment, Json
from autoscaler.core.policy import Policy
from autoscaler.core.snapshot import CostView

TWO_HOURS = 7200.0
"""How long an override holds unless told otherwise (SEMANTICS 2)."""


def pause(
    name: NameArgument,
    *,
    for_: Annotated[
        float | None,
        typer.Option(
            "--for", parser=duration, metavar="TIME", help="Such as 30m or 2h. Else until resumed."
        ),
    ] = None,
    reason: ReasonOption = "",
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Stop scaling a deployment. It is still probed, accounted and alerted on.

    Needs the admin token (`web.admin_token_file`).

    Example: `neevscale pause chat-a --for 2h --reason "load test"`
    """
    client = daemon_for(config, url)
    body: dict[str, Json] = {"by": who(), "reason": reason, "seconds": for_}
    run(lambda: client.change("POST", "deployments", name, "pause", body=body))
    until = "until it is resumed" if for_ is None else f"for {span(for_)}"
    say(f"{name} is not scaled {until}. End it: neevscale resume {name}")


def resume(name: NameArgument, url: UrlOption = None, config: ConfigOption = None) -> None:
    """End a pause and an override: the policy decides again.

    Example: `neevscale resume chat-a`
    """
    client = daemon_for(config, url)
    run(lambda: client.change("POST", "deployments", name, "resume", body={"by": who()}))
    say(f"{name}: the policy decides again.")


def override(  # noqa: PLR0913  # its options
    name: NameArgument,
    replicas: Annotated[int, typer.Argument(min=1, help="Replicas to hold.")],
    *,
    for_: Annotated[
        float,
        typer.Option("--for", parser=duration, metavar="TIME", help="Such as 30m or 8h."),
    ] = TWO_HOURS,
    reason: ReasonOption = "",
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Hold a count of replicas until a time, also outside the bounds.

    Says first what it does to the cost, and warns where the count is outside the bounds. Scales
    only where the deployment may be scaled at all (active, matched, with a max).

    Example: `neevscale override chat-a 6 --for 8h --reason "launch day"`
    """
    client = daemon_for(config, url)
    body: dict[str, Json] = {"replicas": replicas, "seconds": for_, "by": who(), "reason": reason}
    view = run(lambda: client.get("deployments", name))
    say(f"{name}: {_cost_change(view, replicas)}")
    warning = outside_bounds(decode(Policy, view["policy"]), replicas)
    if warning:
        note(f"Warning: {warning}")
    run(lambda: client.change("POST", "deployments", name, "override", body=body))
    say(f"{name} is held at {replicas} for {span(for_)}. End it: neevscale resume {name}")


def _cost_change(view: Mapping[str, Any], replicas: int) -> str:
    """What going from the running count to this one does to the cost."""
    deployment, cost = decode(Deployment, view["deployment"]), view["cost"]
    quote = None
    if cost is not None:
        price = decode(CostView, cost).price_per_gpu_hour
        quote = Quote(price, cost["currency"], "the daemon")
    gpus = deployment.gpu_count
    change = change_sentence(quote, before=gpus * deployment.replicas, after=gpus * replicas)
    return f"{deployment.replicas} -> {replicas} replicas, {change}"


def outside_bounds(policy: Policy, replicas: int) -> str:
    """Why a count is outside the bounds that somebody wrote; empty inside them."""
    if policy.max_replicas is not None and replicas > policy.max_replicas:
        return f"{replicas} exceeds max_replicas {policy.max_replicas}; an override may."
    if policy.min_replicas is not None and replicas < policy.min_replicas:
        return f"{replicas} is below min_replicas {policy.min_replicas}; an override may be."
    return ""


def accept_endpoint(
    name: NameArgument,
    address: Annotated[
        str, typer.Argument(metavar="HOST:PORT", help="Where it is now, as the alert names it.")
    ],
    *,
    reason: ReasonOption = "",
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Trust the place to which a deployment's endpoint has moved, and probe it there.

    The inference key goes to that host from then on, so first find out who moved it and why. The
    host must be allowed (`inference.allowed_hosts`). Needs the admin token.

    Example: `neevscale accept-endpoint chat-a new.inference.ai.neevcloud.com:443`
    """
    client = daemon_for(config, url)
    body: dict[str, Json] = {"address": address, "by": who(), "reason": reason}
    run(lambda: client.change("POST", "deployments", name, "accept-endpoint", body=body))
    say(f"{name} is probed at {address} from now on; its alert ends with the next tick.")
