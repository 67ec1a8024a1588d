"""Writes docs/reference.md and config/neevscale.yaml from the code, so that neither grows stale.

`neevscale reference` prints the one, `neevscale reference --settings-file` the other; `make
reference` writes both, and a test fails when they differ from the code.
"""

from collections.abc import Iterator
from typing import Annotated

import typer

from autoscaler.cli.meanings import FAILURES, REASONS, UNTRUSTED
from autoscaler.cli.reference_commands import command_lines
from autoscaler.cli.reference_settings import defaults_at_a_glance, setting_lines, settings_file
from autoscaler.core.alerting.catalogue import CATALOGUE
from autoscaler.core.words import FAILURES as FAILURE_TABLE
from autoscaler.settings.environment import CONFIG_VARIABLE, PLATFORM_VARIABLES, URL_VARIABLE
from autoscaler.settings.faults import dotted
from autoscaler.web.catalogue import METRICS


def reference(
    *,
    settings_file_: Annotated[
        bool, typer.Option("--settings-file", help="Print config/neevscale.yaml instead.")
    ] = False,
) -> None:
    """Print the reference: every setting, command, metric, alert and reason."""
    typer.echo(settings_file() if settings_file_ else reference_text(), nl=False)


def reference_text() -> str:
    """The whole of docs/reference.md."""
    return "\n".join(_lines()) + "\n"


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """A table in Markdown."""
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"


def _lines() -> Iterator[str]:
    yield "# Reference"
    yield ""
    yield (
        "Generated from the code by `make reference`; do not edit. What words mean and what may "
        "move replicas: see the README. The settings as a file: `config/neevscale.yaml`."
    )
    for title, lines in (
        ("Defaults at a glance", defaults_at_a_glance()),
        ("Commands", command_lines()),
        ("Settings", setting_lines()),
        ("Environment", _environment()),
        ("Metrics", _metrics()),
        ("Alerts", _alerts()),
        ("Reasons of decisions", _reasons()),
        ("Reasons of failed probes", _failures()),
        ("Reasons why a probe is not counted", _untrusted()),
    ):
        yield from ("", f"## {title}", "")
        yield from lines


def _environment() -> Iterator[str]:
    yield (
        "Every setting is also a variable: `NEEVSCALE_` and its path in capitals, `__` between "
        "levels; lists and maps are written as YAML or JSON, and `null` is nothing. Every secret "
        "is also a file: the same name with `_FILE`. The command line wins over the environment, "
        "the environment over the file, the file over the defaults. An unknown `NEEVSCALE_…` "
        "variable is a fault, except what Kubernetes makes for a service of this name. "
        "`neevscale config env` lists all. Besides:"
    )
    yield ""
    rows = [(f"`{name}`", f"`{dotted(path)}`") for name, path in PLATFORM_VARIABLES.items()]
    rows.append((f"`{CONFIG_VARIABLE}`", "The configuration file."))
    rows.append((f"`{URL_VARIABLE}`", "Where the command line finds a running daemon."))
    yield from table(("Variable", "Sets"), iter(rows))


def _metrics() -> Iterator[str]:
    rows = (
        (
            f"`{metric.name}`",
            metric.kind.value,
            metric.unit,
            ", ".join(f"`{label}`" for label in metric.labels),
            metric.help,
        )
        for metric in METRICS
    )
    yield from table(("Metric", "Type", "Unit", "Labels", "Meaning"), rows)


def _alerts() -> Iterator[str]:
    yield "Each has a runbook in `docs/runbooks/`."
    yield ""
    rows = (
        (
            f"`{spec.name}`",
            spec.severity.value,
            f"{spec.for_seconds:g} s",
            spec.summary,
            spec.action,
            ", ".join(f"`{name}`" for name in spec.inhibited_by),
        )
        for spec in CATALOGUE
    )
    head = ("Alert", "Severity", "Holds for", "What", "What to do", "Silent while")
    yield from table(head, rows)


def _reasons() -> Iterator[str]:
    yield "One word for log, metric label `reason`, page and `explain`."
    yield ""
    rows = ((f"`{reason.value}`", text) for reason, text in REASONS.items())
    yield from table(("Reason", "Meaning"), rows)


def _failures() -> Iterator[str]:
    yield (
        "*SLO*: spends error budget. *Overload*: may support an overload that successful probes "
        "show as well. *Down*: repeated, it means that the endpoint is down."
    )
    yield ""
    rows = (
        (
            f"`{reason.value}`",
            text,
            _mark(FAILURE_TABLE[reason].counts_against_slo),
            _mark(FAILURE_TABLE[reason].supports_overload),
            _mark(FAILURE_TABLE[reason].endpoint_down),
        )
        for reason, text in FAILURES.items()
    )
    yield from table(("Reason", "Meaning", "SLO", "Overload", "Down"), rows)


def _mark(holds: bool) -> str:  # noqa: FBT001  # a cell
    return "yes" if holds else ""


def _untrusted() -> Iterator[str]:
    rows = ((f"`{reason.value}`", text) for reason, text in UNTRUSTED.items())
    yield from table(("Reason", "Meaning"), rows)


if __name__ == "__main__":
    typer.run(reference)
