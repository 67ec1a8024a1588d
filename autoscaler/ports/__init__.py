"""Every seam, one page each. The daemon knows these Protocols and the core, and nothing concrete.

| page | between the daemon and |
| --- | --- |
| `clock` | time |
| `cloud` | the control plane |
| `probing` | the endpoints |
| `store` | the disk |
| `notifier` | the receivers of alerts |
| `meter` | the counters |
| `console` | whoever asks: web server and command line |
"""

from autoscaler.core.notification import Notification
from autoscaler.ports.clock import Clock, Every
from autoscaler.ports.cloud import Cloud, CloudRefused, CloudUnknown, InventoryItem, Listing
from autoscaler.ports.console import Console, Denied
from autoscaler.ports.meter import Meter
from autoscaler.ports.notifier import Notifier
from autoscaler.ports.probing import (
    Due,
    EndpointProber,
    HostRefused,
    ProbePlan,
    Prober,
    SignalReader,
)
from autoscaler.ports.store import Batch, Store

__all__ = [
    "Batch",
    "Clock",
    "Cloud",
    "CloudRefused",
    "CloudUnknown",
    "Console",
    "Denied",
    "Due",
    "EndpointProber",
    "Every",
    "HostRefused",
    "InventoryItem",
    "Listing",
    "Meter",
    "Notification",
    "Notifier",
    "ProbePlan",
    "Prober",
    "SignalReader",
    "Store",
]
