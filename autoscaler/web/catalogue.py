"""The whole catalogue of metrics: one row for each name that `/metrics` may ever show."""

from autoscaler.web import catalogue_daemon as daemon
from autoscaler.web import catalogue_deployment as deployment
from autoscaler.web import catalogue_probe as probe
from autoscaler.web.metric import Metric

METRICS: tuple[Metric, ...] = (
    *deployment.STATE,
    *probe.COUNTERS,
    *probe.HISTOGRAMS,
    *probe.GAUGES,
    *deployment.AUTOSCALER,
    *deployment.COST,
    *daemon.CONTROL_PLANE,
    *daemon.ALERTS,
    *daemon.FLEET,
    *daemon.DAEMON,
)
"""In the order of the exposition. Bad events stand before all events, so that a scrape in slices
never shows more bad ones than there are.
"""

BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}
