"""What was ordered: by us of the platform, and by persons of us."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A scale call of ours, recorded before it left, until settled, refused or overdue."""

    count: int
    """Replicas asked for."""
    from_count: int
    """Current replicas when asked."""
    asked_at: float
    outcome: str = "pending"
    """`pending` (intent recorded, call under way or unknown), `accepted`, `refused`, `settled`,
    `overdue`.
    """
    closed_at: float | None = None
    """When it settled, was refused or went overdue; None while it is open."""

    @property
    def is_open(self) -> bool:
        """True while the ask counts as capacity to come (pending or accepted)."""
        return self.outcome in {"pending", "accepted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person's word: hold this count until it expires."""

    replicas: int
    until: float
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A person's word: watch, recommend, never scale."""

    since: float
    until: float | None
    """None = until resumed."""
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What persons ordered for one deployment; rules of the core apply it."""

    pause: Pause | None = None
    override: Override | None = None
