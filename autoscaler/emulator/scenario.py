"""A scenario: everything that makes one emulated platform, as frozen data.

The same scenario gives the same platform, to the token. Files are read by `scenario_file`.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from autoscaler.emulator.catalog import DEFAULT_CATALOG, DEFAULT_OFFERS, CatalogModel, GpuOffer
from autoscaler.emulator.faults import Fault
from autoscaler.emulator.fleet import Router
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.recording import Recording
from autoscaler.emulator.workload import Workload


class ReasoningField(StrEnum):
    """How a reasoning model's first deltas are named: new and old vLLM."""

    REASONING = "reasoning"
    REASONING_CONTENT = "reasoning_content"


class InventoryBase(StrEnum):
    """Under which base path the inventory answers; `nowhere` is a platform without one."""

    INVENTORY = "inventory"
    AIMODELS = "aimodels"
    NOWHERE = "nowhere"


class Deed(StrEnum):
    """What a scripted event does."""

    FAIL = "fail"
    """The deployment's status becomes failed and it stops serving."""
    RECOVER = "recover"
    """A failed deployment is ready again."""
    CRASH = "crash"
    """`count` replicas are lost and start anew."""
    DELETE = "delete"
    SCALE = "scale"
    """Somebody else's scale call, to `count` replicas."""
    PRICE = "price"
    """The deployment's GPU configuration costs `price_per_gpu_hour` from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How a deployment's endpoint behaves besides its speed."""

    engine_metrics: bool = True
    """Whether `/metrics` answers."""
    reasoning_field: ReasoningField | None = None
    """Name of the delta in which the first tokens come; None = no reasoning model."""
    reasoning_ratio: float = 0.5
    """Share of a reasoning model's tokens that come as reasoning."""
    refused_fields: tuple[str, ...] = ()
    """Request fields (`ignore_eos`, `stream_options.include_usage`) answered with 400."""
    stream_usage: bool = True
    """Whether usage is reported in streams that ask for it; False ignores the wish."""
    prefix_caching: bool = True
    reports_cached_tokens: bool = False
    """Whether usage has `prompt_tokens_details.cached_tokens`."""
    early_role_chunk: bool = False
    """Whether the role chunk comes before the first token, as with chunked prefill."""
    tokens_per_chunk: int = 1
    """Tokens that one chunk carries; more with speculative decoding."""
    natural_output_tokens: int = 200
    """Mean length of an answer that ends by itself."""
    max_model_len: int | None = None
    """Longest context in tokens; None = the catalog's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """One deployment that exists from the start."""

    name: str
    catalog_id: str = "meta-llama-Llama-3.1-8B-Instruct"
    profile: str | None = None
    """Name of the replica profile; None = the catalog model's."""
    gpu_config_id: str | None = None
    """None = the catalog model's recommendation."""
    gpu_count: int | None = None
    """GPUs per replica; None = the catalog model's recommendation."""
    replicas: int = 1
    """Ready replicas at the start."""
    age_seconds: float = 0.0
    """How long before the emulator's start it was created and has been ready; billed from the
    start on."""
    physics: Physics = field(default_factory=Physics)
    router: Router = Router.RANDOM
    cold_start_seconds: float = 180.0
    """From the order of a replica until it serves."""
    cold_start_spread_ratio: float = 0.0
    """Each cold start is drawn evenly within ± this share."""
    drain_seconds: float = 30.0
    """How long a replica that leaves may finish its requests."""
    workload: Workload | None = None
    """Background load by shapes; None = none of these."""
    recording: Recording | None = None
    """Background load from a file; None = none. Only one of the two may be given."""
    serving: Serving = field(default_factory=Serving)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One scripted event."""

    at_seconds: float
    """Seconds since the emulator began."""
    deployment: str
    """The deployment's name."""
    deed: Deed
    count: int = 1
    """Replicas, where the deed needs a number."""
    price_per_gpu_hour: Decimal | None = None
    """The new price, where the deed is one; None else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the platform behaves where the API document leaves it open."""

    transition_status: str = "initializing"
    """Status while a scale call is carried out; `ready` is possible, other words are too."""
    endpoint_in_transition: bool = True
    """Whether `endpoint_url` stays while a scale call is carried out; False makes it null."""
    terminate_seconds: float = 30.0
    """From the delete call until the deployment is gone and no longer billed."""
    access_token_seconds: float = 3600.0
    """Life of a token that a login gives."""
    refresh_token_seconds: float = 86400.0
    """How long it can be renewed without a login."""
    inventory: InventoryBase = InventoryBase.INVENTORY
    currency: str = "USD"
    cold_start_seconds: float = 180.0
    """Of deployments made through the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One emulated platform with one organisation and one project."""

    seed: int = 1
    org_id: str = "org-emulated"
    project_id: str = "prj-emulated"
    email: str = "ops@example.com"
    password: str = "emulated"  # noqa: S105  # opens nothing but the emulator
    rules: Rules = field(default_factory=Rules)
    offers: tuple[GpuOffer, ...] = DEFAULT_OFFERS
    catalog: tuple[CatalogModel, ...] = DEFAULT_CATALOG
    deployments: tuple[DeploymentPlan, ...] = ()
    events: tuple[Event, ...] = ()
    faults: tuple[Fault, ...] = ()
