"""Reading a deploy call: every constraint that the API document states for CreateAIModelRequest."""

import re
from dataclasses import dataclass

from autoscaler.core.model import Json
from autoscaler.emulator.catalog import CatalogModel
from autoscaler.emulator.replies import Body, bad_request, integer_field, text_field

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
"""A DNS-1123 label: it becomes part of the endpoint's host name."""
CATALOG_ID = re.compile(r"[a-zA-Z0-9_\-.]+")
SERVING_PARAMETERS = ("max_model_len", "max_num_seqs")
"""Keys of `config` that the catalog bounds; other keys are stored without effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployOrder:
    """A deploy call whose form is right; whether it can be carried out, the platform says."""

    name: str
    catalog_id: str
    region: str
    gpu_config_id: str
    gpu_count: int
    plan_id: str
    config: Body


def read_deploy_order(body: Body) -> DeployOrder:
    """Return the order. Raises Refusal (400) that names the field."""
    order = DeployOrder(
        name=_name(text_field(body, "name")),
        catalog_id=_catalog_id(text_field(body, "catalog_id")),
        region=text_field(body, "region"),
        gpu_config_id=text_field(body, "gpu_config_id"),
        gpu_count=integer_field(body, "gpu_count"),
        plan_id=text_field(body, "plan_id"),
        config=_config(body.get("config", {})),
    )
    if order.gpu_count < 1:
        raise bad_request("gpu_count must be at least 1.")
    return order


def serving_fault(config: Body, model: CatalogModel) -> str | None:
    """Say which serving parameter is outside the model's advertised range; None = none is."""
    ranges = {"max_model_len": model.max_model_len, "max_num_seqs": model.max_num_seqs}
    for name, allowed in ranges.items():
        value = config.get(name)
        if isinstance(value, int) and not allowed.least <= value <= allowed.most:
            return f"config.{name} must be between {allowed.least} and {allowed.most}."
    return None


def _name(name: str) -> str:
    if not (3 <= len(name) <= 30 and NAME.fullmatch(name)):
        raise bad_request(
            "name must have 3 to 30 lowercase letters, digits or hyphens and begin and end with a "
            "letter or digit."
        )
    return name


def _catalog_id(catalog_id: str) -> str:
    if not CATALOG_ID.fullmatch(catalog_id):
        raise bad_request("catalog_id may have letters, digits, '_', '-' and '.' only.")
    return catalog_id


def _config(config: Json) -> Body:
    if not isinstance(config, dict):
        raise bad_request("config must be an object.")
    for name in SERVING_PARAMETERS:
        if name in config:
            integer_field({f"config.{name}": config[name]}, f"config.{name}")
    extra = config.get("extra_args", [])
    if not (isinstance(extra, list) and all(isinstance(arg, str) for arg in extra)):
        raise bad_request("config.extra_args must be an array of strings.")
    return config
