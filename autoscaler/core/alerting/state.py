"""What the alert engine remembers between evaluations; plain data that survives a JSON round trip.

Two documents carry it, so that a quiet deployment costs no write: `("alerts", "state")` holds the
alerts, silences and episode counts, `("alert_memory", ID)` what the conditions remember of one
deployment (ID `fleet` = of the daemon and the control plane).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from autoscaler.core.codec import Undecodable, decode, encode
from autoscaler.core.model import Json
from autoscaler.core.snapshot import AlertState, Severity, Silence

STATE_KEY = ("alerts", "state")
"""Kind and id of the document that holds alerts, silences and episodes."""
MEMORY_KIND = "alert_memory"
FLEET = "fleet"
"""Id of the memory that belongs to no deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One alert's latest episode, as the engine keeps it."""

    name: str
    project: str
    deployment: str
    """Deployment name; empty for the fleet's own alerts."""
    deployment_id: str
    dimension: str
    fingerprint: str
    episode: int
    severity: Severity
    state: AlertState
    started_at: float
    data_at: float
    """Instant of the newest evidence used: the same evidence is never counted twice, and nothing
    resolves on evidence older than this.
    """
    held_seconds: float = 0.0
    """Time for which data-bearing evaluations have found the condition true."""
    good_seconds: float = 0.0
    """Time for which they have found it false since they last found it true."""
    good_count: int = 0
    """How many did so in a row."""
    fired_at: float | None = None
    resolved_at: float | None = None
    ended_because: str = ""
    """`recovered`, `deployment_deleted` or `withdrawn`; empty while it lasts."""
    summary: str = ""
    description: str = ""
    suggested_action: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
    silenced_by: str | None = None
    inhibited_by: str | None = None
    told_severity: Severity | None = None
    """Severity last told; None = nothing told yet."""
    told: tuple[str, ...] = ()
    """Receivers that a trigger of this episode was queued for: exactly they hear its end."""
    end_told: bool = False
    """Whether the end was queued for them."""
    sequence: int = 0
    """Number of the episode's next event."""
    reminders: int = 0
    reminded_at: float | None = None
    """When the trigger, escalation or last reminder was queued; None = nothing told yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What conditions remember of one deployment, or of the fleet. All lists are bounded."""

    deployment: str = ""
    status: str = ""
    """Last status seen, from a fresh read."""
    uptime_seconds: int = 0
    replicas: int | None = None
    down: bool = False
    """Whether the endpoint counted as down, for the flapping count."""
    changed_at: float = 0.0
    """When `down` last changed: earlier probes say nothing about the next change."""
    verdict: str = ""
    """Direction of the last move, `up` or `down`."""
    probes: tuple[tuple[float, str], ...] = ()
    """(end, failure word or empty) of counted probes, oldest first."""
    failed_probe: Mapping[str, str] = field(default_factory=dict)
    """Id, reason and detail of the last failed one."""
    transitions: tuple[float, ...] = ()
    """Instants of status changes and of up/down changes that were not of our own making."""
    reversals: tuple[float, ...] = ()
    events: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    """Kind of an event-like fact to (instant, sentence)."""
    hours: tuple[tuple[int, int, float], ...] = ()
    """(hour since the epoch, probes, mean tokens per second), oldest first."""
    counts: tuple[tuple[float, int, int], ...] = ()
    """(instant, requests, errors) of the control plane, oldest first."""
    missed: tuple[tuple[float, int], ...] = ()
    """(instant, jobs missed) by the daemon, oldest first."""
    totals: Mapping[str, int] = field(default_factory=dict)
    """Last seen totals whose differences matter (missed jobs, dead letters)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsState:
    """Everything the engine keeps."""

    records: Mapping[str, Record] = field(default_factory=dict)
    """Fingerprint to its latest episode; resolved ones stay for an hour."""
    episodes: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """Fingerprint to (number of its latest episode, when it was last of use)."""
    silences: tuple[Silence, ...] = ()
    memories: Mapping[str, Memory] = field(default_factory=dict)
    """Deployment id, or `fleet`, to what is remembered of it."""


def state_documents(
    state: AlertsState, before: AlertsState | None = None
) -> dict[tuple[str, str], Json]:
    """Return the documents to write: those that differ from `before`; None deletes one."""
    return {**alert_documents(state, before), **dict(memory_documents(state, before))}


def alert_documents(
    state: AlertsState, before: AlertsState | None = None
) -> dict[tuple[str, str], Json]:
    """Return the document of alerts, silences and episodes, if it differs from that of `before`."""
    heads = (_head(state), _head(before) if before else None)
    return {} if heads[0] == heads[1] else {STATE_KEY: encode(heads[0])}


def memory_documents(
    state: AlertsState, before: AlertsState | None = None
) -> Iterator[tuple[tuple[str, str], Json]]:
    """Go through the documents of memories that differ from those of `before`, one for each
    deployment; None deletes one.
    """
    old = before.memories if before else {}
    for key, memory in state.memories.items():
        if memory is not old.get(key):
            yield (MEMORY_KIND, key), encode(memory)
    for key in old:
        if key not in state.memories:
            yield (MEMORY_KIND, key), None


def restore_state(alerts: Mapping[str, Json], memories: Mapping[str, Json]) -> AlertsState:
    """Build the state from `Store.documents("alerts")` and `Store.documents("alert_memory")`.

    A memory that cannot be read (another version wrote it) is left out: it fills again by itself.
    The alerts themselves must be readable: raises Undecodable, for losing them silently is worse.
    """
    head = alerts.get(STATE_KEY[1])
    state = AlertsState() if head is None else decode(AlertsState, head)
    kept = {}
    for key, document in memories.items():
        try:
            kept[key] = decode(Memory, document)
        except Undecodable:
            continue
    return AlertsState(
        records=state.records, episodes=state.episodes, silences=state.silences, memories=kept
    )


def _head(state: AlertsState) -> AlertsState:
    return AlertsState(
        records=state.records, episodes=state.episodes, silences=state.silences, memories={}
    )
