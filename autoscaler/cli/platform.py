"""A client of the control plane, for the verbs that talk to the platform itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import stamina.instrumentation

from autoscaler.app import build_cloud
from autoscaler.cli.output import ExitCode, stop
from autoscaler.clock import SystemClock
from autoscaler.cloud import CloudClient
from autoscaler.settings import Settings


@asynccontextmanager
async def open_cloud(settings: Settings) -> AsyncIterator[CloudClient]:
    """A client of the control plane. Retries are silent here: a person is waiting."""
    missing = settings.cloud.missing()
    if missing:
        stop("\n".join(missing), ExitCode.USAGE)
    stamina.instrumentation.set_on_retry_hooks([])
    async with build_cloud(settings, clock=SystemClock()) as client:
        yield client
