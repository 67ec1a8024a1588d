"""`neevscale check-config`: what this configuration would do, before it does it."""

from collections.abc import Iterator
from typing import Annotated, Final

import typer

from autoscaler.app.adapters import probe_config
from autoscaler.cli.check_online import look
from autoscaler.cli.context import daemon_url, load_or_stop, run
from autoscaler.cli.options import ConfigOption, FormatOption
from autoscaler.cli.output import ExitCode, Format, money, print_json, print_table, say, span, stop
from autoscaler.core.codec import encode
from autoscaler.core.policy import Policy
from autoscaler.core.words import Mode
from autoscaler.probes.load import added_load
from autoscaler.settings import DeploymentSettings, Loaded, Settings
from autoscaler.web.webfile import WebFileFault, read_web_file

PLATFORM_FLOOR: Final = 1
"""Fewest replicas that the platform takes; the floor where none is set."""


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
    _read_web_file_or_stop(loaded.settings)
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


def _read_web_file_or_stop(settings: Settings) -> None:
    if settings.web.config_file is not None:
        try:
            read_web_file(settings.web.config_file)
        except WebFileFault as error:
            stop(f"web.config_file cannot be used: {error}", ExitCode.USAGE)


def _print_offline(loaded: Loaded) -> None:
    settings = loaded.settings
    source = "no file, environment and defaults" if loaded.file is None else str(loaded.file)
    say(f"Configuration: {source}. No faults.")
    for subject, sentence in _summary(settings).items():
        say(f"{subject.capitalize() + ':':<9} {sentence}")
    remarks = [*loaded.notes, *_remarks(settings)]
    if remarks:
        say("\nWorth knowing before it runs:")
    for sentence in remarks:
        say(f"- {sentence}")
    say("")
    print_table(
        ("ENTRY", "MODE", "MAY SCALE", "MIN", "MAX", "ITL AT MOST", "TTFT AT MOST", "ATTAINMENT"),
        [(str(entry.match), *_cells(policy)) for entry, policy in effective_policies(settings)],
        empty="No entry in deployments: everything is watched and nothing is scaled.",
    )


def _summary(settings: Settings) -> dict[str, str]:
    """What it would do, a sentence for each subject."""
    load = added_load(probe_config(settings).schedule)
    return {
        "scaling": _scaling(settings),
        "money": _money(settings),
        "alerts": _alerts(settings),
        "page": f"{daemon_url(settings)}; pause, override and other orders are "
        + ("on." if _takes_orders(settings) else "off (no web.admin_token)."),
        "state": "in memory, lost at the end."
        if settings.state.is_memory
        else f"{settings.state.path}, kept for {span(settings.state.keep_seconds)}.",
        "probes": f"about {load.probes_per_minute:.3g} requests and "
        f"{load.output_tokens_per_minute:,.0f} output tokens a minute to each deployment, "
        f"{load.share_of_replica:.2%} of one replica.",
    }


def _scaling(settings: Settings) -> str:
    policies = [policy for _, policy in effective_policies(settings)]
    able = sum(policy.may_scale for policy in policies)
    if not able:
        return (
            f"nothing is scaled; mode is {settings.mode.value}, and no entry is active with a max."
        )
    return f"{able} of {len(policies)} entries may scale; what no entry matches is only watched."


def _money(settings: Settings) -> str:
    monthly, currency = settings.budget.monthly, settings.prices.currency
    fleet = f"{money(monthly, currency or '')} a month for the fleet"
    policies = [policy for _, policy in effective_policies(settings)]
    with_budget = sum(policy.monthly_budget is not None for policy in policies)
    if monthly is None and not with_budget:
        return "no monthly budget is set."
    entries = f"a monthly budget in {with_budget} of {len(policies)} entries"
    limits = entries if monthly is None else fleet
    if settings.budget.enforce:
        return f"{limits}; budgets refuse increases beyond their pace (budget.enforce)."
    return f"{limits}; budgets warn and refuse nothing (budget.enforce is false)."


def _alerts(settings: Settings) -> str:
    names = settings.alerting.named_receivers()
    return f"sent to {', '.join(names)}." if names else "shown and logged only; nobody is told."


def _takes_orders(settings: Settings) -> bool:
    return settings.web.admin_token is not None or settings.web.config_file is not None


def effective_policies(settings: Settings) -> Iterator[tuple[DeploymentSettings, Policy]]:
    """Each entry with the policy that it gives."""
    for entry in settings.deployments:
        yield entry, settings.policy_of(entry)


def _cells(policy: Policy) -> tuple[object, ...]:
    slo = policy.slo
    return (
        policy.mode.value,
        policy.may_scale,
        policy.min_replicas or PLATFORM_FLOOR,
        policy.max_replicas,
        "3 x idle" if slo.itl_seconds is None else f"{slo.itl_seconds:g} s",
        "1 s or 5 x idle" if slo.ttft_seconds is None else f"{slo.ttft_seconds:g} s",
        f"{slo.attainment_ratio:g}",
    )


def _remarks(settings: Settings) -> Iterator[str]:
    """What is no fault and yet worth knowing."""
    for sentence in settings.cloud.missing():
        yield f"Needed to run: {sentence}"
    if settings.inference.key is None and not settings.inference.keys:
        yield "Probes carry no key, so endpoints refuse them: export NEEV_INFERENCE_API_KEY=sk-nc-…"
    for entry, policy in effective_policies(settings):
        if policy.mode is Mode.ACTIVE and policy.max_replicas is None:
            yield f"{entry.match} is active but has no max_replicas: it will only be watched."
    if settings.mode is Mode.ACTIVE and not settings.deployments:
        yield "mode is active, but no entry in deployments has a max: nothing is scaled."
    if not settings.alerting.named_receivers():
        yield "No receiver is set, so nobody is told of an alert: add one below alerting."


def _as_json(loaded: Loaded) -> dict[str, object]:
    return {
        "file": None if loaded.file is None else str(loaded.file),
        "summary": _summary(loaded.settings),
        "remarks": [*loaded.notes, *_remarks(loaded.settings)],
        "entries": [
            {"match": entry.match.model_dump(), "policy": encode(policy)}
            for entry, policy in effective_policies(loaded.settings)
        ],
    }
