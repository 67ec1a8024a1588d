"""`neevscale uptime`: a month of each deployment against the platform's SLA, with the evidence."""

from typing import Any

from autoscaler.cli.context import daemon_for, run
from autoscaler.cli.options import ConfigOption, FormatOption, MonthOption, UrlOption
from autoscaler.cli.output import Format, instant, print_json, print_table, say

HOUR = 3600.0
COLUMNS = ("DEPLOYMENT", "UPTIME", "BELOW", "READY", "SCALING", "DOWN", "UNKNOWN", "SESSIONS")


def uptime(
    *,
    month: MonthOption = None,
    url: UrlOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Hold a month of each deployment against the platform's SLA (99.9, 99 and 98 %).

    Our own scaling counts as up, time that nobody observed as neither. Below the table stands when
    each deployment was not ready: the evidence for a support request.

    Example: `neevscale uptime --month 2026-01 -o json > request.json`
    """
    client = daemon_for(config, url)
    rows: list[dict[str, Any]] = run(lambda: client.get("uptimes", month=month))["rows"]
    if output is Format.JSON:
        print_json({"rows": rows})
        return
    print_table(COLUMNS, (_cells(row) for row in rows), empty="No deployment was seen.")
    for row in rows:
        for span in row["report"]["evidence"]:
            minutes = (span["end"] - span["start"]) / 60.0
            say(
                f"{row['deployment']}: {span['bucket']} from {instant(span['start'])} to "
                f"{instant(span['end'])}, {minutes:.1f} min"
            )


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    report = row["report"]
    seconds, ratio = report["seconds"], report["uptime_ratio"]
    down = seconds.get("failed", 0.0) + seconds.get("initializing", 0.0)
    return (
        row["deployment"],
        "not observed" if ratio is None else f"{ratio:.3%}",
        ", ".join(f"{threshold:.1%}" for threshold in report["breached"]) or "none",
        *(f"{seconds.get(bucket, 0.0) / HOUR:.2f} h" for bucket in ("ready", "scaling")),
        f"{down / HOUR:.2f} h",
        f"{seconds.get('unknown', 0.0) / HOUR:.2f} h",
        row["sessions"],
    )
