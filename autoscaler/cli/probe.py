"""`neevscale probe`: one probe, now, by the running daemon."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from autoscaler.cli.context import daemon_for, run
from autoscaler.cli.options import ConfigOption, FormatOption, NameArgument, UrlOption
from autoscaler.cli.output import ExitCode, Format, print_json, say
from autoscaler.cli.status import milliseconds


def probe(
    name: NameArgument,
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Tell everything: phases, request, events, verdict.")
    ] = False,
    url: UrlOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Probe a deployment once, now. Exit code 3 if the probe failed.

    The daemon sends it, with its own keys and from where it runs. Costs some tokens; needs the
    admin token.

    Example: `neevscale probe chat-a --debug`
    """
    client = daemon_for(config, url)
    answer = run(lambda: client.change("POST", "deployments", name, "probe", body={"debug": debug}))
    result: dict[str, Any] = answer["result"]
    if output is Format.JSON:
        print_json(answer)
    else:
        for line in lines(name, result, answer.get("story")):
            say(line)
    if result["failure"] is not None:
        raise typer.Exit(int(ExitCode.CHECK_FAILED))


def lines(name: str, result: dict[str, Any], story: dict[str, Any] | None) -> Iterator[str]:
    """A probe's result, and its story where it was asked for, as text."""
    if result["failure"] is None:
        yield (
            f"{name}: ok, TTFT {milliseconds(result['ttft_seconds']) or 'unknown'}, "
            f"ITL {milliseconds(result['itl_seconds']) or 'unknown'}, "
            f"{result['output_tokens'] or 'unknown'} tokens in "
            f"{milliseconds(result['duration_seconds'])}"
        )
    else:
        yield f"{name}: failed, {result['failure']}. {result['detail']}"
    if result["untrusted"]:
        yield f"Not counted: {', '.join(result['untrusted'])}"
    if story is None:
        return
    yield f"Verdict: {story['verdict']}"
    yield from story.get("timeline", [])
    for title in ("request", "response", "reads", "events", "loop_lag_seconds"):
        if title in story:
            yield f"{title}:"
            yield from _tree(story[title], "  ")


def _tree(value: object, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict | list) and inner:
                yield f"{indent}{key}:"
                yield from _tree(inner, indent + "  ")
            else:
                yield f"{indent}{key}: {inner}"
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict | list):
                yield from _tree(inner, indent + "  ")
            else:
                yield f"{indent}{inner}"
    else:
        yield f"{indent}{value}"
