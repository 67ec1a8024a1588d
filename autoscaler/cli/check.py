"""`neevscale check-config`: what this configuration would do, before it does it."""

from collections.abc import Iterator
from typing import Annotated

import typer

from autoscaler.app.adapters import probe_config
from autoscaler.cli.check_online import look
from autoscaler.cli.context import load_or_stop, run
from autoscaler.cli.options import ConfigOption, FormatOption
from autoscaler.cli.output import ExitCode, Format, print_json, print_table, say
from autoscaler.core.codec import encode
from autoscaler.core.policy import Policy
from autoscaler.core.words import Mode
from autoscaler.probes.load import added_load
from autoscaler.settings import DeploymentSettings, Loaded, Settings


def check_config(
    *,
    config: ConfigOption = None,
    online: Annotated[
        bool,
        typer.Option("--online", help="Also log in, list, probe each deployment once."),
    ] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Check the configuration and show the effective policy of each entry.

    Every fault is listed at once, with file and line; then the exit code is 2. With --online it
    logs in, lists, probes once, and says what would be watched, what would be scaled, within which
    bounds and at which cost; where something is missing the exit code is 3.

    Examples: `neevscale check-config --config neevscale.yaml` · `neevscale check-config --online`
    """
    loaded = load_or_stop(config)
    if output is Format.TABLE:
        _print_offline(loaded)
    if not online:
        if output is Format.JSON:
            print_json(_as_json(loaded))
        return
    found = run(lambda: look(loaded.settings))
    if output is Format.JSON:
        print_json(_as_json(loaded) | found.as_json())
    else:
        found.show()
    if not found.is_well:
        raise typer.Exit(int(ExitCode.CHECK_FAILED))


def _print_offline(loaded: Loaded) -> None:
    source = "no file, environment and defaults" if loaded.file is None else str(loaded.file)
    say(f"Configuration: {source}. No faults.")
    for sentence in (*loaded.notes, *_remarks(loaded.settings)):
        say(f"- {sentence}")
    settings = loaded.settings
    rows = [(str(entry.match), *_cells(policy)) for entry, policy in effective_policies(settings)]
    say("")
    print_table(
        ("ENTRY", "MODE", "MIN", "MAX", "ITL AT MOST", "TTFT AT MOST", "ATTAINMENT", "SCALED"),
        rows,
        empty="deployments: has no entry, so everything is watched and nothing is scaled.",
    )


def effective_policies(settings: Settings) -> Iterator[tuple[DeploymentSettings, Policy]]:
    """Each entry with the policy that it gives."""
    for entry in settings.deployments:
        yield entry, settings.policy_of(entry)


def _cells(policy: Policy) -> tuple[object, ...]:
    slo = policy.slo
    return (
        policy.mode.value,
        policy.min_replicas,
        policy.max_replicas,
        "3 x idle" if slo.itl_seconds is None else f"{slo.itl_seconds:g} s",
        "1 s or 5 x idle" if slo.ttft_seconds is None else f"{slo.ttft_seconds:g} s",
        f"{slo.attainment_ratio:g}",
        policy.may_scale,
    )


def _remarks(settings: Settings) -> Iterator[str]:
    """What is no fault and yet worth knowing."""
    for sentence in settings.cloud.missing():
        yield f"To run it, this is needed as well: {sentence}"
    if settings.inference.key is None and not settings.inference.keys:
        yield "Probes carry no key: export NEEV_INFERENCE_API_KEY=sk-nc-…"
    for entry, policy in effective_policies(settings):
        if policy.mode is Mode.ACTIVE and policy.max_replicas is None:
            yield f"{entry.match} is active but has no max_replicas: it will only be watched."
    if settings.mode is Mode.ACTIVE and not settings.deployments:
        yield "mode is active, but deployments: has no entry with a max: nothing is scaled."
    if not settings.alerting.named_receivers():
        yield "alerting: names no receiver: alerts are shown and logged, and nobody is told."
    if settings.web.admin_token is None and settings.web.config_file is None:
        yield "web.admin_token is not set: pause, override and other orders are off."
    load = added_load(probe_config(settings).schedule)
    yield (
        f"Probes add about {load.probes_per_minute:.3g} requests and "
        f"{load.output_tokens_per_minute:.4g} output tokens a minute to each deployment, "
        f"{load.share_of_replica:.2%} of one replica."
    )


def _as_json(loaded: Loaded) -> dict[str, object]:
    return {
        "file": None if loaded.file is None else str(loaded.file),
        "remarks": [*loaded.notes, *_remarks(loaded.settings)],
        "entries": [
            {"match": entry.match.model_dump(), "policy": encode(policy)}
            for entry, policy in effective_policies(loaded.settings)
        ],
    }
