"""What all dashboards share: variables, annotations, links to each other, one form."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from grafana.panels import SOURCE, Panel, build

TAG = "neevscale"
MINE = 'deployment=~"$deployment"'
"""The selector of everything about a deployment."""
WINDOWS = "5m,10m,30m,1h,6h"
"""Windows of probe quantiles: a probe each 15 s makes 40 in the default 10 min. Grafana's own
`$__rate_interval` of 60 s would hold 4.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    text: str
    rows: Sequence[Row]
    one_deployment: bool = False
    """True where a panel shows one deployment at a time."""
    has_deployment: bool = True


def to_json(board: Board) -> str:
    """Return the dashboard as Grafana provisions it."""
    made = (
        dashboard.Dashboard(f"Neevscale / {board.title}")
        .uid(f"neevscale-{board.uid}")
        .description(board.text)
        .tags([TAG])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .editable()
        .variables(_variables(board))
        .annotations(_annotations(board))
        .link(_others())
    )
    for row in board.rows:
        made.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            made.with_panel(build(panel))
    document = json.loads(JSONEncoder().encode(made.build()))
    for number, panel in enumerate(document["panels"], start=1):
        panel["id"] = number
    for annotation in document["annotations"]["list"]:
        annotation.update(_FORMATS[annotation["name"]])  # what the builder has no word for
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


_FORMATS = {
    "Scale calls": {"titleFormat": "Scale {{direction}}", "textFormat": "{{deployment}}"},
    "Status changes": {"titleFormat": "Status changed", "textFormat": "{{deployment}}"},
    "Alerts": {"titleFormat": "{{alertname}}", "textFormat": "{{deployment}} {{severity}}"},
}


def _others() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Neevscale")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(True)
        .keep_time(True)
    )


def _variables(board: Board) -> list[Builder[model.VariableModel]]:
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    window = (
        dashboard.CustomVariable("win")
        .label("Window")
        .values(WINDOWS)
        .current(model.VariableOption(selected=True, text="10m", value="10m"))
    )
    if not board.has_deployment:
        return [source, window]
    deployment = (
        dashboard.QueryVariable("deployment")
        .label("Deployment")
        .datasource(SOURCE)
        .query("label_values(neevscale_deployment_info, deployment)")
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )
    if not board.one_deployment:
        everything = model.VariableOption(selected=True, text="All", value="$__all")
        deployment.multi(True).include_all(True).all_value(".*").current(everything)
    return [source, deployment, window]


def _annotations(board: Board) -> list[Builder[model.AnnotationQuery]]:
    mine = f"{{{MINE}}}" if board.has_deployment else ""
    ready = f'{{{MINE},status="ready"}}' if board.has_deployment else '{status="ready"}'
    own = f",{MINE}" if board.has_deployment else ""
    return [
        _annotation(
            "Scale calls",
            "blue",
            f"(time() - neevscale_autoscaler_last_scale_timestamp_seconds{mine}) < 30",
        ),
        _annotation(
            "Status changes", "orange", f"changes(neevscale_deployment_status{ready}[1m]) > 0"
        ),
        _annotation(
            "Alerts",
            "red",
            f'neevscale_alert_active{{state="firing",severity!="none"{own}}}',
        ),
    ]


def _annotation(name: str, colour: str, expression: str) -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(SOURCE)
        .enable(True)
        .icon_color(colour)
        .expr(expression)
    )
