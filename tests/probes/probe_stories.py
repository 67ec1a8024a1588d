"""One prober and one server on virtual time, for the stories of this folder."""

from collections.abc import Callable
from typing import Any

from helpers_probes import (
    Endpoint,
    FakeClock,
    Script,
    config,
    deployment,
    serving,
)

from autoscaler.core.model import ProbeResult
from autoscaler.probes.completion import CompletionProber
from autoscaler.probes.config import ProbeConfig

Virtual = Callable[[Any], Any]
Story = Callable[[CompletionProber, Endpoint], Any]


def tell(virtual: Virtual, script: Script, story: Story, **changes: object) -> Any:
    """Run `story` with a prober and a server on virtual time."""

    async def run() -> Any:
        async with serving(script) as endpoint:
            prober = CompletionProber(config(**changes), clock=FakeClock())
            try:
                return await story(prober, endpoint)
            finally:
                await prober.close()

    return virtual(run())


async def once(prober: CompletionProber, endpoint: Endpoint) -> ProbeResult:
    return await prober.probe(deployment(endpoint), scheduled_at=0.0)


async def probe_once(
    endpoint: Endpoint | str | None, settings: ProbeConfig | None = None, **changes: object
) -> ProbeResult:
    clock = FakeClock()
    prober = CompletionProber(settings or config(), clock=clock)
    try:
        return await prober.probe(deployment(endpoint, **changes), scheduled_at=clock.now())
    finally:
        await prober.close()
