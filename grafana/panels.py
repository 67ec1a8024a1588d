"""A small language for panels: what is asked, how it is drawn, and one sentence on how to read it.

Every panel has a description, a unit and the `$datasource` variable; a panel of a latency never
plots a sum of seconds alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as prometheus_model

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")


class Kind(StrEnum):
    """How a panel is drawn."""

    STAT = "stat"
    LINES = "lines"
    STEPS = "steps"
    STACK = "stack"
    BARS = "bars"
    TIMELINE = "timeline"
    TABLE = "table"
    HEATMAP = "heatmap"
    BARGAUGE = "bargauge"


@dataclass(frozen=True, slots=True)
class Query:
    """One expression and the name of its series."""

    expression: str
    legend: str = "__auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel."""

    kind: Kind
    title: str
    text: str
    queries: Sequence[Query]
    unit: str = "short"
    width: int = 12
    height: int = 8
    good_above: tuple[float, float] | None = None
    """Red below the first value, yellow below the second."""
    bad_above: tuple[float, float] | None = None
    """Yellow from the first value on, red from the second."""
    words: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Value to the word and colour that it is shown as."""
    columns: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of a table: field to its heading and unit, in order."""
    decimals: int | None = None
    colours: dict[str, str] = field(default_factory=dict)
    """Series name to a fixed colour."""


AnyPanel: TypeAlias = (
    stat.Panel
    | timeseries.Panel
    | statetimeline.Panel
    | table.Panel
    | heatmap.Panel
    | bargauge.Panel
)


def build(panel: Panel) -> AnyPanel:
    """Return the builder of one panel."""
    builder = _MAKERS[panel.kind](panel)
    builder.title(panel.title)
    builder.description(panel.text)
    builder.datasource(SOURCE)
    builder.unit(panel.unit)
    builder.span(panel.width)
    builder.height(panel.height)
    builder.targets(
        [_target(panel, query, chr(ord("A") + place)) for place, query in enumerate(panel.queries)]
    )
    _colour(builder, panel)
    if panel.decimals is not None:
        builder.decimals(panel.decimals)
    return builder


def _target(panel: Panel, query: Query, name: str) -> prometheus.Dataquery:
    target = (
        prometheus.Dataquery().datasource(SOURCE).expr(query.expression).ref_id(name)
    ).legend_format(query.legend)
    if panel.kind is Kind.TABLE:
        return target.instant().format(prometheus_model.PromQueryFormat.TABLE)
    if panel.kind in {Kind.STAT, Kind.BARGAUGE}:
        return target.range() if panel.kind is Kind.STAT else target.instant()
    if panel.kind is Kind.HEATMAP:
        return target.range().format(prometheus_model.PromQueryFormat.HEATMAP).exemplar(True)
    return target.range().exemplar("_bucket" in query.expression)


def _colour(builder: AnyPanel, panel: Panel) -> None:
    steps = [model.Threshold(value=None, color="green")]
    if panel.good_above is not None:
        low, high = panel.good_above
        steps = [
            model.Threshold(value=None, color="red"),
            model.Threshold(value=low, color="orange"),
            model.Threshold(value=high, color="green"),
        ]
    elif panel.bad_above is not None:
        low, high = panel.bad_above
        steps += [
            model.Threshold(value=low, color="orange"),
            model.Threshold(value=high, color="red"),
        ]
    elif panel.kind is Kind.STAT:
        steps = [model.Threshold(value=None, color="blue")]
    mode = model.ThresholdsMode.ABSOLUTE
    builder.thresholds(dashboard.ThresholdsConfig().mode(mode).steps(steps))
    if panel.words:
        options = {
            value: model.ValueMappingResult(text=word, color=colour, index=place)
            for place, (value, (word, colour)) in enumerate(panel.words.items())
        }
        builder.mappings([model.ValueMap(options=options)])
    for name, colour in panel.colours.items():
        fixed = {"mode": "fixed", "fixedColor": colour}
        builder.override_by_name(name, [model.DynamicConfigValue(id_val="color", value=fixed)])


def _stat(panel: Panel) -> stat.Panel:
    del panel
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    return (
        stat.Panel()
        .reduce_options(last)
        .graph_mode(common_model.BigValueGraphMode.AREA)
        .color_mode(common_model.BigValueColorMode.VALUE)
    )


def _lines(panel: Panel) -> timeseries.Panel:
    legend = (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(common_model.LegendDisplayMode.LIST)
        .placement(common_model.LegendPlacement.BOTTOM)
    )
    tooltip = (
        common.VizTooltipOptions()
        .mode(common_model.TooltipDisplayMode.MULTI)
        .sort(common_model.SortOrder.DESCENDING)
    )
    lines = timeseries.Panel().legend(legend).tooltip(tooltip).line_width(2).fill_opacity(8)
    lines = lines.show_points(common_model.VisibilityMode.NEVER).axis_soft_min(0)
    if panel.kind is Kind.STEPS:
        lines.line_interpolation(common_model.LineInterpolation.STEP_AFTER)
    if panel.kind in {Kind.STACK, Kind.BARS}:
        lines.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL).group("A"))
        lines.fill_opacity(45).line_width(1)
    if panel.kind is Kind.BARS:
        lines.draw_style(common_model.GraphDrawStyle.BARS).fill_opacity(80)
    return lines


def _timeline(panel: Panel) -> statetimeline.Panel:
    del panel
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(common_model.VisibilityMode.NEVER)
        .row_height(0.85)
        .fill_opacity(80)
    )


def _table(panel: Panel) -> table.Panel:
    """Join all queries on the deployment; the first column leads to its own dashboard."""
    join = {"byField": "deployment", "mode": "outer"}
    order = {name: place for place, name in enumerate(panel.columns)}
    organize = {
        "indexByName": order,
        "renameByName": {name: heading for name, (heading, _) in panel.columns.items()},
        "includeByName": dict.fromkeys(panel.columns, True),
    }
    made = table.Panel()
    if len(panel.queries) > 1:
        made.with_transformation(model.DataTransformerConfig(id_val="joinByField", options=join))
    made.with_transformation(model.DataTransformerConfig(id_val="organize", options=organize))
    for heading, unit in panel.columns.values():
        properties = [model.DynamicConfigValue(id_val="unit", value=unit)]
        if heading == "Deployment":
            properties.append(model.DynamicConfigValue(id_val="links", value=[_LINK]))
        made.override_by_name(heading, properties)
    return made


_LINK = {
    "title": "Open this deployment",
    "url": "/d/neevscale-deployment?${datasource:queryparam}&var-deployment=${__value.raw}"
    "&${__url_time_range}",
}


def _heatmap(panel: Panel) -> heatmap.Panel:
    colours = heatmap.HeatmapColorOptions().scheme("Blues").steps(64)
    axis = heatmap.YAxisConfig().unit(panel.unit)
    return heatmap.Panel().calculate(False).color(colours).y_axis(axis)


def _bargauge(panel: Panel) -> bargauge.Panel:
    del panel
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    return (
        bargauge.Panel()
        .reduce_options(last)
        .orientation(common_model.VizOrientation.HORIZONTAL)
        .display_mode(common_model.BarGaugeDisplayMode.GRADIENT)
    )


_MAKERS: dict[Kind, Callable[[Panel], AnyPanel]] = {
    Kind.STAT: _stat,
    Kind.LINES: _lines,
    Kind.STEPS: _lines,
    Kind.STACK: _lines,
    Kind.BARS: _lines,
    Kind.TIMELINE: _timeline,
    Kind.TABLE: _table,
    Kind.HEATMAP: _heatmap,
    Kind.BARGAUGE: _bargauge,
}
