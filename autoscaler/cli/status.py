"""`neevscale status`: the fleet as the daemon sees it."""

from typing import Any

from autoscaler.cli.context import daemon_for, run
from autoscaler.cli.daemon import DaemonClient
from autoscaler.cli.options import ConfigOption, FormatOption, UrlOption
from autoscaler.cli.output import Format, money, print_json, print_table, say, span

COLUMNS = ("NAME", "STATUS", "REPLICAS", "TARGET", "MODE", "TTFT", "ITL", "COST/H", "ALERTS", "WHY")


def status(
    url: UrlOption = None, config: ConfigOption = None, output: FormatOption = Format.TABLE
) -> None:
    """Show every deployment with its status, replicas, latency, cost and last decision.

    Example: `neevscale status -o json | jq '.deployments[].decision.reason'`
    """
    client = daemon_for(config, url)
    fleet, views = run(lambda: _read(client))
    if output is Format.JSON:
        print_json({**fleet, "deployments": views})
        return
    for sentence in fleet.get("warnings", []):
        say(f"! {sentence}")
    plane = fleet["control_plane"]
    if plane["is_stale"]:
        say(f"! The control plane is not seen: {plane['last_error'] or 'no answer yet'}")
    print_table(COLUMNS, (_row(view) for view in views), empty="There are no deployments.")
    up = span(fleet["at"] - fleet["started_at"])
    say(f"{fleet['mode']}, {len(fleet['alerts'])} alerts, up {up}")


async def _read(client: DaemonClient) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    fleet = await client.get("status")
    return fleet, (await client.get("deployments"))["deployments"]


def _row(view: dict[str, Any]) -> tuple[object, ...]:
    deployment, decision = view["deployment"], view["decision"] or {}
    ask, cost, probe = view["ask"], view["cost"], view["probe"]
    asked = ask["count"] if ask and ask["outcome"] in {"pending", "accepted"} else None
    count = deployment["replicas"]
    return (
        deployment["name"],
        view["status"],
        f"{count} -> {asked}" if asked not in {None, count} else str(count),
        decision.get("target"),
        view["policy"]["mode"] if view["policy"]["matched"] else "watched",
        milliseconds(probe["ttft_p50"]),
        milliseconds(probe["itl_p50"]),
        money(cost["per_hour"], cost["currency"]) if cost else None,
        len([a for a in view["alerts"] if a["state"] == "firing"]) or None,
        decision.get("because"),
    )


def milliseconds(seconds: float | None) -> str | None:
    """A latency for people: seconds from one on; None stays None."""
    if seconds is None:
        return None
    return f"{seconds:.3g} s" if seconds >= 1.0 else f"{seconds * 1000:.3g} ms"
