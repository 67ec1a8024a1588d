"""The settings' part of the reference, and the settings file with every key: read from the models.

A field's docstring says what it is for and why its default is what it is; its type says the unit.
"""

import textwrap
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Any, Final, get_args

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from autoscaler.cli.output import plain
from autoscaler.settings import Secret, Settings
from autoscaler.settings.faults import inner_section

WIDTH: Final = 96
AT_A_GLANCE: Final = (
    "mode",
    "defaults.max_replicas",
    "defaults.slo.itl_seconds",
    "defaults.slo.ttft_seconds",
    "defaults.slo.attainment_ratio",
    "intervals.discover_seconds",
    "intervals.probe_seconds",
    "intervals.decide_seconds",
    "probe.tokens_per_minute",
    "defaults.scale_up_cooldown_seconds",
    "defaults.scale_down_hold_seconds",
    "defaults.settling_window_seconds",
    "defaults.settle_deadline_seconds",
    "budget.enforce",
    "state.path",
    "web.listen",
)
EXAMPLES: Final[dict[str, str]] = {
    "cloud.tenant_url": "https://api.ai.neevcloud.com/tenant",
    "cloud.inventory_url": "https://api.ai.neevcloud.com/inventory",
    "cloud.org_id": "org-abc123",
    "cloud.project_id": "prj-abc123",
    "cloud.email": "ops@example.com",
    "cloud.ca_file": "/etc/ssl/certs/proxy.pem",
    "defaults.mode": "active",
    "defaults.min_replicas": "1",
    "defaults.max_replicas": "4",
    "defaults.slo.ttft_seconds": "1s",
    "defaults.slo.itl_seconds": "0.05",
    "defaults.alpha_seconds": "0.012",
    "defaults.max_num_seqs": "64",
    "defaults.fallback_after_seconds": "10m",
    "defaults.fallback_replicas": "4",
    "defaults.max_cost_per_hour": "40",
    "defaults.monthly_budget": "20000",
    "deployments": "[{match: {name: 'chat-*'}, max_replicas: 8, mode: active}]",
    "schedules": "[{cron: '0 9 * * 1-5', timezone: Asia/Kolkata, duration_seconds: 9h, "
    "min_replicas: 2}]",
    "budget.monthly": "50000",
    "prices.currency": "INR",
    "prices.per_gpu_hour": "{gpu-h100-80g-20cpu-125g: 192.48}",
    "prices.per_deployment": "{chat-a: [{price: 192.48}, {price: 180, since: 2027-01-01}]}",
    "alerting.alertmanager": "[{url: 'http://127.0.0.1:9093'}]",
    "alerting.webhook": "[{url_file: /run/secrets/hook, signing_secret_file: /run/secrets/sign}]",
    "alerting.pagerduty": "[{routing_key_file: /run/secrets/pagerduty}]",
    "alerting.slack": "[{bot_token_file: /run/secrets/slack, channel: C0123456789}]",
    "alerting.smtp": "[{host: mail.example.com, sender: neevscale@example.com, "
    "to: [ops@example.com]}]",
    "alerting.exec": "[{command: [/usr/local/bin/notify]}]",
    "alerting.apprise": "[{url_file: /run/secrets/apprise}]",
    "alerting.routes": "[{matchers: ['severity=critical'], receivers: [pagerduty]}, "
    "{receivers: [slack]}]",
    "alerting.fallback": "[smtp]",
    "alerting.maintenance": "[{cron: '0 2 * * 0', timezone: Asia/Kolkata, duration_seconds: 2h, "
    "reason: weekly maintenance}]",
    "alerting.overrides": "{NeevEndpointDegraded: {severity: info}}",
    "inference.keys": "[{match: {name: 'chat-*'}, key_file: /run/secrets/chat-key}]",
    "inference.ca_file": "/etc/ssl/certs/proxy.pem",
    "probe.extra_body": "{chat_template_kwargs: {enable_thinking: false}}",
    "probe.canaries": "['https://www.example.com']",
    "probe.promql.url": "http://127.0.0.1:9090",
    "probe.promql.queries": "[{name: requests, measures: requests_per_second, "
    "query: 'sum(rate(vllm:request_success_total{deployment=\"$deployment\"}[1m]))'}]",
    "web.config_file": "/etc/neevscale/web.yml",
    "web.external_url": "https://neevscale.example.com",
    "state.path": "/var/lib/neevscale/state.db",
    "log.format": "json",
}
"""What a key without a default might look like. A test reads them all."""

_INTRO = """\
Neevscale: every setting with its default. All are optional; delete what you do not change.
Lines that begin with "#" and a key are examples. Durations are seconds, or 30s, 5m, 1h, 7d.
Every key is also a variable (NEEVSCALE_INTERVALS__PROBE_SECONDS=5), every secret also a file.
Check it with: neevscale check-config --config FILE
Generated from the code by `make reference`."""


def setting_lines() -> Iterator[str]:
    """A table for each section."""
    yield from _section_lines(Settings, "", "Top level", set())


def _section_lines(
    section: type[BaseModel], path: str, title: str, told: set[type[BaseModel]]
) -> Iterator[str]:
    told.add(section)
    yield from (f"### {title}", "")
    yield from (_doc(section.__doc__), "")
    yield "| Key | Default | Unit | What it is, and why |"
    yield "| --- | --- | --- | --- |"
    for name, field in section.model_fields.items():
        yield _row(f"{path}{name}", field)
    for name in section.model_fields:
        inner = inner_section(section, name)
        if inner is not None and inner not in told:
            is_list = _is_many(section.model_fields[name])
            shown = f"{path}{name}" + ("[]" if is_list else "")
            yield ""
            yield from _section_lines(inner, f"{shown}.", f"`{shown}`", told)


def _row(path: str, field: FieldInfo) -> str:
    secret = " A secret: or `…_file`." if _is_secret(field) else ""
    cells = (f"`{path}`", _shown_default(path, field), unit_of(path, field))
    text = _doc(field.description) + secret
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in (*cells, text)) + " |"


def defaults_at_a_glance() -> Iterator[str]:
    """The few that matter most."""
    yield "| Key | Default | Why |"
    yield "| --- | --- | --- |"
    for path in AT_A_GLANCE:
        field = field_at(path)
        yield f"| `{path}` | {_shown_default(path, field)} | {_doc(field.description)} |"


def field_at(path: str) -> FieldInfo:
    """The field that a dotted path names."""
    section: Any = Settings
    *above, last = path.split(".")
    for name in above:
        section = section.model_fields[name].annotation
    found: FieldInfo = section.model_fields[last]
    return found


def unit_of(path: str, field: FieldInfo) -> str:
    """The unit of a setting, from its name and type."""
    name = path.rsplit(".", 1)[-1]
    kinds = {_bare(kind) for kind in _alternatives(field.annotation)}
    if _is_secret(field):
        return "text"
    if _is_many(field):
        return "map" if "Mapping" in str(field.annotation) else "list"
    if any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds):
        return "section"
    for ending, unit in (("_seconds", "seconds"), ("_ratio", "0 to 1")):
        if name.endswith(ending):
            return unit
    for kind, unit in (
        (bool, "true, false"),
        (Decimal, "money"),
        (int, "count"),
        (float, "number"),
    ):
        if kind in kinds:
            return unit
    words = next((k for k in kinds if isinstance(k, type) and issubclass(k, Enum)), None)
    return "text" if words is None else ", ".join(str(word.value) for word in words)


def settings_file() -> str:
    """The whole of config/neevscale.yaml."""
    lines = [f"# {line}".rstrip() for line in _INTRO.splitlines()]
    lines += _file_lines(Settings(), "", 0)
    return "\n".join(lines) + "\n"


def _file_lines(section: BaseModel, path: str, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, field in type(section).model_fields.items():
        value, where = getattr(section, name), f"{path}{name}"
        if depth == 0:
            yield ""
        yield from _comment(field, indent)
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from _file_lines(value, f"{where}.", depth + 1)
        elif _is_secret(field):
            yield f"{indent}# {name}_file: /run/secrets/{name.replace('_', '-')}"
        elif where in EXAMPLES:
            yield f"{indent}# {name}: {EXAMPLES[where]}"
        else:
            yield f"{indent}{name}: {_yaml(value)}"


def _comment(field: FieldInfo, indent: str) -> list[str]:
    text = _doc(field.description)
    return textwrap.wrap(text, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _yaml(value: object) -> str:
    plain_value = _plain(value)
    text: str = yaml.safe_dump(plain_value, default_flow_style=True, width=10_000)
    return text.removesuffix("...\n").strip()


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(exclude_defaults=True))
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.value if isinstance(value, Enum) else value


def _shown_default(path: str, field: FieldInfo) -> str:
    if path == "state.path":
        return "`~/.local/state/neevscale/state.db`"
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is None or default is PydanticUndefined or default in ({}, (), ""):
        return "none"
    if isinstance(default, BaseModel):
        return "see below"
    return f"`{plain(_yaml(default))}`"


def _doc(text: str | None) -> str:
    return " ".join((text or "").split())


def _alternatives(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401  # a type form
    parts = get_args(annotation)
    return tuple(p for p in parts if p is not type(None)) or (annotation,)


def _bare(annotation: Any) -> Any:  # noqa: ANN401  # a type form
    return get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation


def _is_secret(field: FieldInfo) -> bool:
    return Secret in {_bare(kind) for kind in _alternatives(field.annotation)}


def _is_many(field: FieldInfo) -> bool:
    text = str(field.annotation)
    return text.startswith(("tuple[", "collections.abc.Mapping", "typing.Annotated[tuple"))
