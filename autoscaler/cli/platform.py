"""The control plane, for the verbs that talk to the platform itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import stamina.instrumentation

from autoscaler.app import build_cloud
from autoscaler.cli.output import ExitCode, stop
from autoscaler.clock import SystemClock
from autoscaler.cloud import CloudClient
from autoscaler.core.model import Deployment
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


async def find(cloud: CloudClient, name: str) -> Deployment:
    """The one deployment of that name or id; stops where there is none or more than one."""
    listing = await cloud.list()
    found = [d for d in listing.deployments if name in {d.id, d.name}]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(d.id for d in found)
        stop(f"{len(found)} deployments are called {name}: {ids}. Use the id.")
    names = ", ".join(d.name for d in listing.deployments) or "none"
    return stop(f"There is no deployment {name!r}; there are: {names}.")
