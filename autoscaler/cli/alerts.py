"""`neevscale alerts`: list, silence, test."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from autoscaler.cli.context import daemon_for, run
from autoscaler.cli.daemon import DaemonClient, who
from autoscaler.cli.options import (
    ConfigOption,
    FormatOption,
    ReasonOption,
    UrlOption,
    duration,
)
from autoscaler.cli.output import (
    ExitCode,
    Format,
    instant,
    print_json,
    print_table,
    say,
    span,
)
from autoscaler.core.model import Json

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="List, silence and test alerts of a running daemon.",
)


class Event(StrEnum):
    """What a test sends."""

    TRIGGER = "trigger"
    RESOLVE = "resolve"


@app.command("list")
def list_alerts(
    url: UrlOption = None, config: ConfigOption = None, output: FormatOption = Format.TABLE
) -> None:
    """Show what is pending or firing, and the silences.

    Example: `neevscale alerts list`
    """
    client = daemon_for(config, url)
    alerts, silences = run(lambda: _read(client))
    if output is Format.JSON:
        print_json({"alerts": alerts, "silences": silences})
        return
    print_table(
        ("SEVERITY", "ALERT", "DEPLOYMENT", "STATE", "SINCE", "MUTED BY", "SUMMARY"),
        (
            (
                alert["severity"],
                alert["name"],
                alert["deployment"],
                alert["state"],
                instant(alert["started_at"]),
                alert["silenced_by"] or alert["inhibited_by"],
                alert["summary"],
            )
            for alert in alerts
        ),
        empty="No alert is pending or firing.",
    )
    if silences:
        say("")
        print_table(
            ("SILENCE", "MATCHERS", "UNTIL", "BY", "REASON"),
            (
                (s["id"], ", ".join(s["matchers"]), instant(s["ends_at"]), s["by"], s["reason"])
                for s in silences
            ),
            empty="",
        )


async def _read(client: DaemonClient) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return (await client.get("alerts"))["alerts"], (await client.get("silences"))["silences"]


@app.command()
def silence(
    matchers: Annotated[
        list[str],
        typer.Argument(
            help="label=value, label!=value, label=~regex or label!~regex; labels are alertname, "
            "deployment and severity. All must hold."
        ),
    ],
    *,
    for_: Annotated[
        float,
        typer.Option("--for", parser=duration, metavar="TIME", help="Such as 30m or 2h."),
    ],
    reason: ReasonOption = "",
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Send nothing of matching alerts until a time. They are still shown.

    Example: `neevscale alerts silence alertname=NeevEndpointDown deployment=~chat-.* --for 2h`
    """
    client = daemon_for(config, url)
    body: dict[str, Json] = {
        "matchers": list(matchers),
        "seconds": for_,
        "by": who(),
        "reason": reason,
    }
    answer = run(lambda: client.change("POST", "silences", body=body))
    name = answer["id"]
    say(f"Silence {name} holds for {span(for_)}. End it: neevscale alerts unsilence {name}")


@app.command()
def unsilence(
    silence_id: Annotated[str, typer.Argument(help="Id of the silence.")],
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """End a silence.

    Example: `neevscale alerts unsilence 4f2a`
    """
    client = daemon_for(config, url)
    run(lambda: client.change("DELETE", "silences", silence_id))
    say(f"Silence {silence_id} is over.")


@app.command("test")
def try_receivers(
    receiver: Annotated[
        str | None, typer.Argument(help="Name of a receiver. Else all.", show_default=False)
    ] = None,
    *,
    event: Annotated[Event, typer.Option(help="What to send.")] = Event.TRIGGER,
    url: UrlOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Send a test notification and show what each receiver answered.

    Ends with exit code 3 if one of them did not take it.

    Examples: `neevscale alerts test` · `neevscale alerts test slack-1 --event resolve`
    """
    client = daemon_for(config, url)
    body: dict[str, Json] = {"receiver": receiver, "event": event.value}
    results = run(lambda: client.change("POST", "alerts", "test", body=body))["results"]
    if output is Format.JSON:
        print_json({"results": results})
    else:
        print_table(
            ("RECEIVER", "RESULT", "DETAIL"),
            ((r["receiver"], "ok" if _is_ok(r) else "failed", _detail(r)) for r in results),
            empty="There are no receivers. Add one under alerting: in the configuration.",
        )
    if not all(_is_ok(result) for result in results):
        raise typer.Exit(int(ExitCode.CHECK_FAILED))


def _is_ok(result: dict[str, Any]) -> bool:
    return bool(result.get("ok", not result.get("error")))


def _detail(result: dict[str, Any]) -> object:
    return result.get("detail") or result.get("error") or result.get("because")
