"""Outside measurement of LLM endpoints: streamed completion probes and the optional extra signals.

A probe never raises for anything the endpoint does, never charges its own faults to the server, and
says `None` where a value cannot be known.
"""

from autoscaler.probes.config import (
    CALIBRATE,
    EVERYTHING,
    LIVENESS,
    LONG,
    PLATFORM_HOSTS,
    SHORT,
    WARM,
    Deadlines,
    InferenceKey,
    Match,
    ProbeConfig,
    Profile,
    ScheduleConfig,
)

__all__ = [
    "CALIBRATE",
    "EVERYTHING",
    "LIVENESS",
    "LONG",
    "PLATFORM_HOSTS",
    "SHORT",
    "WARM",
    "Deadlines",
    "InferenceKey",
    "Match",
    "ProbeConfig",
    "Profile",
    "ScheduleConfig",
]
