"""The control plane's JSON: lenient when read, strict when written.

A reading survives whatever a future version of the platform adds: unknown fields are dropped, an
unknown status is `unknown`, and one item that cannot be read is named and left out. A writing is
checked against the API document before it leaves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from autoscaler.core.model import Deployment
from autoscaler.core.redaction import safe
from autoscaler.core.words import Status
from autoscaler.ports import InventoryItem

_KNOWN = {status.value: status for status in Status if status is not Status.UNKNOWN}
LONGEST_NAME = 256
"""Characters. Names of the platform have at most 30; what is longer is no name."""


def _instant(value: object) -> float | None:
    """Seconds since the epoch of an RFC 3339 text. A hint only, so what is unreadable is None."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _seconds_or_zero(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 <= value < 1e12 else 0


def _count_or_none(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _price_or_none(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        price = Decimal(str(value))
    except ArithmeticError:
        return None
    return price if price.is_finite() and price >= 0 else None


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Instant = Annotated[float | None, BeforeValidator(_instant)]
OptionalText = Annotated[str | None, BeforeValidator(_text_or_none)]
OptionalCount = Annotated[int | None, BeforeValidator(_count_or_none)]
OptionalPrice = Annotated[Decimal | None, BeforeValidator(_price_or_none)]
Replicas = Annotated[int, Field(ge=0, le=100_000, strict=True)]


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class DeploymentWire(_Read):
    """One deployment as it is read. What decides anything is required; hints may be missing."""

    id: Name
    name: Name
    project_id: OptionalText = None
    model_id: Name
    model_name: OptionalText = None
    region: OptionalText = None
    status: Name
    endpoint_url: OptionalText = None
    gpu_config_id: OptionalText = None
    gpu_count: Annotated[int, Field(ge=1, le=1024, strict=True)]
    replicas: Replicas
    created_at: Instant = None
    updated_at: Instant = None
    uptime_seconds: Annotated[int, BeforeValidator(_seconds_or_zero)] = 0

    def deployment(self) -> Deployment:
        """As the rest of the product knows it."""
        return Deployment(
            id=self.id,
            name=self.name,
            project_id=self.project_id or "",
            model_id=self.model_id,
            model_name=self.model_name,
            region=self.region or "",
            status=_KNOWN.get(self.status, Status.UNKNOWN),
            raw_status=self.status,
            endpoint_url=self.endpoint_url,
            gpu_config_id=self.gpu_config_id or "",
            gpu_count=self.gpu_count,
            replicas=self.replicas,
            created_at=self.created_at,
            updated_at=self.updated_at,
            uptime_seconds=self.uptime_seconds,
        )


class InventoryWire(_Read):
    """One GPU configuration as it is read."""

    config_id: Name
    region: OptionalText = None
    gpu_model: OptionalText = None
    price: OptionalPrice = Field(
        None, validation_alias=AliasChoices("price_per_gpu_per_hour", "price_per_gpu_hour", "price")
    )
    currency: OptionalText = None
    available_gpu_count: OptionalCount = None
    total_gpu_count: OptionalCount = None
    min_gpu_count: OptionalCount = None
    max_gpu_count: OptionalCount = None
    availability: OptionalText = None

    def item(self) -> InventoryItem:
        """As the rest of the product knows it. Without a currency it is USD (PLATFORM, Money)."""
        return InventoryItem(
            config_id=self.config_id,
            region=self.region or "",
            gpu_model=self.gpu_model or "",
            price_per_gpu_hour=self.price,
            currency=self.currency or "USD",
            available_gpu_count=self.available_gpu_count,
            total_gpu_count=self.total_gpu_count,
            min_gpu_count=self.min_gpu_count,
            max_gpu_count=self.max_gpu_count,
            availability=self.availability or "",
        )


@dataclass(frozen=True, slots=True)
class Range:
    """What a serving parameter of a model may be; a bound is None where the catalog tells none."""

    low: int | None
    high: int | None
    default: int | None
    """What the platform takes where nothing is written; None = not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogItem:
    """One model of the catalog."""

    id: str
    """Url-safe: what a deployment is made from."""
    model_id: str
    """Slash path: what the endpoint serves under."""
    name: str
    recommended_gpu_config_id: str | None
    """GPU that the catalog recommends; None = it does not say."""
    ranges: Mapping[str, Range]
    """Serving parameter to its range; empty where the catalog tells none."""


class _RecommendedGpu(_Read):
    gpu_config_id: OptionalText = None


class CatalogWire(_Read):
    """One model of the catalog as it is read."""

    id: Name
    model_id: OptionalText = None
    name: OptionalText = None
    recommended_gpu: Any = None
    configurations: Any = None

    def item(self) -> CatalogItem:
        """As the command line knows it."""
        gpu = self.recommended_gpu if isinstance(self.recommended_gpu, dict) else {}
        return CatalogItem(
            id=self.id,
            model_id=self.model_id or self.id,
            name=self.name or self.model_id or self.id,
            recommended_gpu_config_id=_RecommendedGpu.model_validate(gpu).gpu_config_id,
            ranges=dict(_ranges(self.configurations)),
        )


def _ranges(configurations: object) -> Sequence[tuple[str, Range]]:
    """Ranges by parameter, from a map of them or from a list whose items bear a name."""
    if isinstance(configurations, list):
        named = [
            (item.get("name") or item.get("key"), item)
            for item in configurations
            if isinstance(item, dict)
        ]
    elif isinstance(configurations, dict):
        named = list(configurations.items())
    else:
        return []
    return [
        (name, Range(*(_count_or_none(values.get(key)) for key in ("min", "max", "default"))))
        for name, values in named
        if isinstance(name, str) and isinstance(values, dict)
    ]


class ScaleRequest(BaseModel):
    """What a scale call sends."""

    model_config = ConfigDict(extra="forbid", strict=True)

    replicas: Annotated[int, Field(ge=1)]


class ServingConfig(BaseModel):
    """The serving parameters that the platform honours."""

    model_config = ConfigDict(extra="forbid", strict=True)

    max_model_len: Annotated[int, Field(ge=1)] | None = None
    """Longest context, tokens; None = the model's own."""
    max_num_seqs: Annotated[int, Field(ge=1)] | None = None
    """Requests that a replica batches; None = the platform's choice."""
    extra_args: list[str] | None = None
    """Arguments of the engine, as on its command line; None = none."""


class DeployRequest(BaseModel):
    """What a deploy call sends; patterns as in the API document."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[
        str, Field(min_length=3, max_length=30, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    ]
    catalog_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_\-\.]+$")]
    region: Annotated[str, Field(min_length=1)]
    gpu_config_id: Annotated[str, Field(min_length=1)]
    gpu_count: Annotated[int, Field(ge=1)] = 1
    plan_id: Annotated[str, Field(min_length=1)]
    config: ServingConfig | None = None
    """None = the catalog's defaults."""


def faults_in(error: ValidationError) -> str:
    """What pydantic found, in one line without the values."""
    return "; ".join(
        f"{'.'.join(map(str, details['loc'])) or 'it'}: {details['msg'].lower()}"
        for details in error.errors(include_input=False, include_url=False)
    )


def id_of(item: object) -> str | None:
    """The id of an item, where at least that can be read."""
    identity = item.get("id") if isinstance(item, dict) else None
    return identity if isinstance(identity, str) and identity else None


def name_of(item: object, number: int) -> str:
    """How to call an item that cannot be read: by name, by id, or by its place."""
    if isinstance(item, dict):
        for key in ("name", "id"):
            if isinstance(item.get(key), str) and item[key]:
                return safe(item[key], 64)
    return f"item {number}"
