"""`neevscale healthcheck`: what a container's HEALTHCHECK calls; needs no curl.

It runs every few seconds beside the daemon, so it imports as little as it can: with an address it
needs neither settings nor an event loop.
"""

import http.client
import ssl
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from autoscaler.cli.output import ExitCode, note, say, stop

DEADLINE_SECONDS = 10.0
"""Longest wait for an answer: a loop that is stuck for so long is not well."""


def healthcheck(
    url: Annotated[
        str | None,
        typer.Option(
            envvar="NEEVSCALE_URL",
            help="The running daemon. Else where the configuration lets it listen.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Configuration file.", show_default=False)
    ] = None,
) -> None:
    """Ask the running daemon whether its loops progress. Exit code 0 if they do, 3 if not.

    Example: `HEALTHCHECK CMD ["neevscale", "healthcheck", "--url", "http://127.0.0.1:9464"]`
    """
    address = url or _configured(config)
    try:
        status, text = _ask(address)
    except (OSError, ValueError, http.client.HTTPException) as error:
        stop(f"No daemon answers at {address} ({error}). Start one with `neevscale run`.")
    if status == http.client.OK:
        say(text.strip() or "well")
        return
    note(text.strip() or f"The daemon answered HTTP {status}.")
    raise typer.Exit(int(ExitCode.CHECK_FAILED))


def _configured(config: Path | None) -> str:
    from autoscaler.cli.context import daemon_for  # noqa: PLC0415  # see the module's docstring

    return daemon_for(config, None).url


def _ask(address: str) -> tuple[int, str]:
    parts = urlsplit(address)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        tls = ssl.create_default_context()
        tls.check_hostname = False  # it names the public host, and only health is asked for
        tls.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            parts.netloc, timeout=DEADLINE_SECONDS, context=tls
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=DEADLINE_SECONDS)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/-/healthy")
        answer = connection.getresponse()
        return answer.status, answer.read(65536).decode(errors="replace")
    finally:
        connection.close()
