"""What the emulated platform sells: GPU configurations with prices and counts, and models to run.

Names and the H100's price are as the platform's public inventory showed them in June 2026; the
other prices are invented in proportion. Counts are large enough that capacity is no subject
unless a scenario makes it one.
"""

from dataclasses import dataclass
from decimal import Decimal

from autoscaler.core.model import Json

DEFAULT_REGION = "as-south-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuOffer:
    """One GPU configuration in one region."""

    config_id: str
    gpu_model: str
    vram_gib: int
    price_per_gpu_hour: Decimal
    """On demand, in the scenario's currency."""
    region: str = DEFAULT_REGION
    gpu_vendor: str = "NVIDIA"
    min_gpu_count: int = 1
    max_gpu_count: int = 8
    """Most GPUs that one replica may take."""
    total_gpu_count: int = 256

    @property
    def plan_id(self) -> str:
        """The on-demand plan that a deploy call must name for this configuration."""
        return f"plan-ondemand-{self.config_id}"

    def entry(self, *, price: Decimal, used: int) -> dict[str, Json]:
        """Return the inventory's item, with `used` GPUs taken."""
        free = max(0, self.total_gpu_count - used)
        share = free / self.total_gpu_count if self.total_gpu_count else 0.0
        return {
            "config_id": self.config_id,
            "gpu_model": self.gpu_model,
            "gpu_vendor": self.gpu_vendor,
            "vram_gib": self.vram_gib,
            "region": self.region,
            "price_per_gpu_per_hour": float(price),
            "min_gpu_count": self.min_gpu_count,
            "max_gpu_count": self.max_gpu_count,
            "available_gpu_count": free,
            "total_gpu_count": self.total_gpu_count,
            "availability": _availability(share),
            "instance_type": "ondemand",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingRange:
    """A tunable serving parameter of a catalog model."""

    least: int
    most: int
    default: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogModel:
    """One model of the catalog."""

    id: str
    """Url-safe id, for the deploy call."""
    model_id: str
    """Slash path that its deployments serve under."""
    name: str
    profile: str
    """Name of the replica profile that a deployment through the API runs on."""
    gpu_config_id: str
    gpu_count: int = 1
    max_model_len: ServingRange = ServingRange(least=1024, most=131072, default=32768)
    max_num_seqs: ServingRange = ServingRange(least=1, most=1024, default=256)

    def entry(self) -> dict[str, Json]:
        """Return the catalog's item."""
        ranges = {"max_model_len": self.max_model_len, "max_num_seqs": self.max_num_seqs}
        return {
            "id": self.id,
            "model_id": self.model_id,
            "name": self.name,
            "recommended_gpu": {"gpu_config_id": self.gpu_config_id, "gpu_count": self.gpu_count},
            "configurations": {
                name: {"min": r.least, "max": r.most, "default": r.default}
                for name, r in ranges.items()
            },
        }


H100 = "gpu-h100-80g-20cpu-125g"
A100 = "gpu-a100-80g-16cpu-120g"
L40S = "gpu-l40s-48g-16cpu-96g"
RTX_PRO_6000 = "gpu-rtxpro6000-96g-16cpu-96g"

DEFAULT_OFFERS = (
    GpuOffer(config_id=H100, gpu_model="H100", vram_gib=80, price_per_gpu_hour=Decimal("1.99")),
    GpuOffer(config_id=A100, gpu_model="A100", vram_gib=80, price_per_gpu_hour=Decimal("1.32")),
    GpuOffer(config_id=L40S, gpu_model="L40S", vram_gib=48, price_per_gpu_hour=Decimal("0.86")),
    GpuOffer(
        config_id=RTX_PRO_6000,
        gpu_model="RTX PRO 6000",
        vram_gib=96,
        price_per_gpu_hour=Decimal("1.42"),
    ),
)

DEFAULT_CATALOG = (
    CatalogModel(
        id="meta-llama-Llama-3.1-8B-Instruct",
        model_id="meta-llama/Llama-3.1-8B-Instruct",
        name="Llama 3.1 8B Instruct",
        profile="llama-3.1-8b_1xH100-80_bf16",
        gpu_config_id=H100,
    ),
    CatalogModel(
        id="meta-llama-Llama-3.1-8B-Instruct-A100",
        model_id="meta-llama/Llama-3.1-8B-Instruct",
        name="Llama 3.1 8B Instruct (A100)",
        profile="llama-3.1-8b_1xA100-80_bf16",
        gpu_config_id=A100,
    ),
    CatalogModel(
        id="meta-llama-Llama-3.1-8B-Instruct-L40S",
        model_id="meta-llama/Llama-3.1-8B-Instruct",
        name="Llama 3.1 8B Instruct (L40S)",
        profile="llama-3.1-8b_1xL40S_bf16",
        gpu_config_id=L40S,
    ),
    CatalogModel(
        id="meta-llama-Llama-2-70b-chat-hf",
        model_id="meta-llama/Llama-2-70b-chat-hf",
        name="Llama 2 70B Chat",
        profile="llama-2-70b_8xH100-80_fp16_2023",
        gpu_config_id=H100,
        gpu_count=8,
        max_model_len=ServingRange(least=1024, most=4096, default=4096),
    ),
)


def _availability(free_share: float) -> str:
    """The platform's word for how many GPUs are free."""
    if free_share <= 0:
        return "None"
    if free_share < 0.1:
        return "Low"
    return "Medium" if free_share < 0.5 else "High"
