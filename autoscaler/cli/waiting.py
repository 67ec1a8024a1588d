"""`--wait`: looks at a deployment until it is as asked for, and shows what it does meanwhile."""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Final

from rich.console import Console

from autoscaler.cli.output import note, plain, span, stop
from autoscaler.cloud import CloudClient, CloudError
from autoscaler.core.model import Deployment
from autoscaler.core.words import Status

LOOK_SECONDS: Final = 3.0
"""Between two looks; a cold start takes minutes."""
Done = Callable[[Deployment | None], bool]


def is_gone(deployment: Deployment | None) -> bool:
    """True when the platform no longer knows the deployment."""
    return deployment is None


def is_ready_with(replicas: int | None) -> Done:
    """True when it is ready with so many replicas; None = any."""

    def done(deployment: Deployment | None) -> bool:
        if deployment is None:
            stop("The deployment is gone.")
        if deployment.status is Status.FAILED:
            stop(f"{deployment.name} has failed. See the platform's logs, or contact its support.")
        return deployment.is_ready and replicas in {None, deployment.replicas}

    return done


async def wait_until(
    cloud: CloudClient, deployment_id: str, *, done: Done, timeout_seconds: float
) -> None:
    """Look until `done`. Ends the command with exit code 1 when the time is over."""
    begun = time.monotonic()
    last = ""
    with Console(stderr=True).status("waiting", spinner="dots") as shown:
        while True:
            try:
                deployment = await cloud.get(deployment_id)
            except CloudError as error:
                text = f"cannot look: {error}"
            else:
                if done(deployment):
                    note(f"{_words(deployment)}, after {span(time.monotonic() - begun)}")
                    return
                text = _words(deployment)
            shown.update(plain(f"{text}, {span(time.monotonic() - begun)}"))
            if text != last and not sys.stderr.isatty():
                note(text)
            last = text
            if time.monotonic() - begun > timeout_seconds:
                stop(f"Not there after {span(timeout_seconds)}: {text}. It goes on by itself.")
            await asyncio.sleep(LOOK_SECONDS)


def _words(deployment: Deployment | None) -> str:
    if deployment is None:
        return "gone"
    return f"{deployment.name} is {deployment.raw_status} with {deployment.replicas} replicas"
