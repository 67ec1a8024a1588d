"""All that the policy remembers of one deployment: plain data, one JSON document with a version.

`step` reads a State and returns the next one; nothing else keeps truth about a deployment. Every
part is bounded, so the document stays small, and `decode_state(encode_state(s)) == s` exactly, so
that a restart or a replay goes on as if nothing had happened.
"""

from dataclasses import dataclass, field

from autoscaler.core.alpha import Alpha
from autoscaler.core.balance import Balance
from autoscaler.core.codec import Undecodable, decode, encode
from autoscaler.core.counted import counting
from autoscaler.core.counters import Counters
from autoscaler.core.counts import Counts
from autoscaler.core.forecast import Forecast
from autoscaler.core.headroom import Calibration
from autoscaler.core.learned import Learning
from autoscaler.core.model import Json
from autoscaler.core.overload import Overload
from autoscaler.core.quantile import LowQuantile
from autoscaler.core.record import Record
from autoscaler.core.trial import Trial
from autoscaler.core.waits import Waits
from autoscaler.core.window import Sample

STATE_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What following the recommendation would be running by now, and what that would have cost."""

    replicas: int
    since: float
    """Instant at which the shadow count last changed."""
    at: float
    """Instant up to which `cost_more` is counted."""
    cost_more: float = 0.0
    """Money that following the shadow would have cost more (above 0) or less; only hours whose
    price was known count.
    """
    priced: bool = False
    """True once any of it had a price; False = `cost_more` says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The memory of one deployment."""

    version: int = STATE_VERSION
    identity: str = ""
    """Model and GPUs that the learned things belong to; a change makes them void."""
    samples: tuple[Sample, ...] = ()
    """Recent counted probes, oldest first."""
    alpha: Alpha = field(default_factory=Alpha)
    idle_ttft: LowQuantile = field(default_factory=LowQuantile)
    overload: Overload = field(default_factory=Overload)
    learning: Learning = field(default_factory=Learning)
    counters: Counters = field(default_factory=Counters)
    """The engine's own; empty where they cannot be read."""
    counted: Learning = field(default_factory=counting)
    """What was learned from requests counted in place of heard."""
    waits: Waits = field(default_factory=Waits)
    """TTFT over latency."""
    balance: Balance = field(default_factory=Balance)
    counts: Counts = field(default_factory=Counts)
    trial: Trial | None = None
    wanted: tuple[tuple[float, int], ...] = ()
    """(instant, count) of what was wanted within the hold: falling counts, oldest first."""
    blind_since: float | None = None
    """None while the load can be seen."""
    record: Record = field(default_factory=Record)
    """The need of the last two weeks."""
    forecast: Forecast = field(default_factory=Forecast)
    calibration: Calibration = field(default_factory=Calibration)
    shadow: Shadow | None = None
    """None before the first decision."""


def encode_state(state: State) -> Json:
    """Return the JSON document of a state."""
    return encode(state)


def decode_state(document: Json) -> State:
    """Read a state back; raises Undecodable for another version or a broken document."""
    if isinstance(document, dict) and document.get("version") != STATE_VERSION:
        raise Undecodable(f"State: version {document.get('version')} is not {STATE_VERSION}")
    return decode(State, document)
