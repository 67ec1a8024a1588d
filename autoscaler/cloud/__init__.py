"""The control plane's client: `CloudClient(CloudConfig(…), clock=…)` satisfies `ports.Cloud`."""

from autoscaler.cloud.client import CloudClient, CloudConfig
from autoscaler.cloud.errors import (
    CloudError,
    Forbidden,
    Malformed,
    NotFound,
    NotSeen,
    Rejected,
    Unauthorized,
    Unavailable,
)
from autoscaler.cloud.reading import ReadLimits
from autoscaler.cloud.wire import CatalogItem, DeployRequest, Range, ServingConfig

__all__ = [
    "CatalogItem",
    "CloudClient",
    "CloudConfig",
    "CloudError",
    "DeployRequest",
    "Forbidden",
    "Malformed",
    "NotFound",
    "NotSeen",
    "Range",
    "ReadLimits",
    "Rejected",
    "ServingConfig",
    "Unauthorized",
    "Unavailable",
]
