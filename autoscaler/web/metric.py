"""What one metric is: its name, type, labels, unit and meaning, as data.

The exporter, the generated reference and the tests read the same rows, so that no series exists
which no row declares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Type of a metric, in the words of the exposition format."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


OTHER = "other"
"""Value of a bounded label whose real value is in no declared set: it is counted, never lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row of the catalogue."""

    name: str
    """Full name; counters end in `_total`, the unit is the suffix before it."""
    kind: Kind
    help: str
    """One or two sentences: what is measured and what absence means."""
    unit: str = ""
    """`seconds`, `ratio`, `bytes`, money as `currency`; empty for plain counts."""
    labels: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The closed set of each label that has one. Other labels are bounded by the configuration
    (deployments, receivers, jobs).
    """
    edges: tuple[float, ...] = ()
    """Bucket edges of a histogram, without +Inf."""

    @property
    def family(self) -> str:
        """Name in HELP and TYPE lines of OpenMetrics, where a counter lacks its `_total`."""
        return self.name.removesuffix("_total") if self.kind is Kind.COUNTER else self.name

    def bounded(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Return the label values with each one outside its declared set replaced by `other`."""
        return tuple(
            value if (allowed := self.values.get(name)) is None or value in allowed else OTHER
            for name, value in zip(self.labels, labels, strict=True)
        )
