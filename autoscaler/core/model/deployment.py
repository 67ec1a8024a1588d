"""A deployment as the platform describes it."""

from dataclasses import dataclass

from autoscaler.core.words import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One Dedicated Model Deployment as the platform last described it."""

    id: str
    """The platform's id (`dep-…`); changes when a deployment is re-created under the same name."""
    name: str
    project_id: str
    model_id: str
    """Slash path that the endpoint serves under; the `model` of inference requests."""
    model_name: str | None
    region: str
    status: Status
    raw_status: str
    """The platform's own word, kept where it is none that we know."""
    endpoint_url: str | None
    """OpenAI-compatible base URL; None until ready, and perhaps in a transition."""
    gpu_config_id: str
    gpu_count: int
    """GPUs per replica, at least 1."""
    replicas: int
    """Running replicas, as the platform says (`current`)."""
    created_at: float | None
    updated_at: float | None
    """Instant of the platform's last state change; a hint that somebody else acted."""
    uptime_seconds: int
    """Seconds of the present ready session, verbatim; 0 when not ready."""

    @property
    def is_ready(self) -> bool:
        """True if the platform says that the deployment serves."""
        return self.status is Status.READY
