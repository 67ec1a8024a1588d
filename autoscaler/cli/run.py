"""`neevscale run`: the daemon."""

import errno
from typing import Annotated, Final

import structlog
import typer

from autoscaler.app import build_app, run_app
from autoscaler.app.logging_setup import configure_app_logs
from autoscaler.cli.context import load_or_stop
from autoscaler.cli.options import ConfigOption
from autoscaler.cli.output import ExitCode, stop
from autoscaler.cli.version import version_text
from autoscaler.core.words import Mode
from autoscaler.settings import Loaded, Settings, load_settings
from autoscaler.store import StoreUnusable

ADDRESS_ERRORS: Final = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL})


def run(
    config: ConfigOption = None,
    mode: Annotated[
        Mode | None,
        typer.Option(
            help="advisory silences every entry; active is the mode where an entry names none.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Discover, probe, decide, scale, alert and account, until told to stop.

    Needs four variables and no file: NEEV_ORG_ID, NEEV_PROJECT_ID, NEEV_API_TOKEN and
    NEEV_INFERENCE_API_KEY. It scales nothing until the mode is active and an entry of
    `deployments:` with a `max_replicas` matches.

    Examples: `neevscale run` · `neevscale run --config neevscale.yaml --mode advisory`

    SIGTERM ends it in order within 25 s, SIGHUP reads the configuration anew.
    """
    loaded = load_or_stop(config, mode=mode)
    missing = loaded.settings.cloud.missing()
    if missing:
        stop("\n".join(missing), ExitCode.USAGE)

    def read() -> Settings:
        return load_settings(loaded.file or config, mode=mode).settings

    try:
        app = build_app(loaded.settings, read=read)
        configure_app_logs(app)
        _tell(loaded)
        code = run_app(app)
    except (ValueError, OSError, StoreUnusable) as error:
        stop(_sentence(error, loaded.settings.web.listen))
    raise typer.Exit(code)


def _sentence(error: Exception, listen: str) -> str:
    """What went wrong, and what to do about it."""
    if isinstance(error, OSError) and error.errno in ADDRESS_ERRORS:
        return (
            f"Cannot listen on {listen}: it is taken, or no address of this machine. Stop what"
            " listens there, or set web.listen (NEEVSCALE_WEB__LISTEN)."
        )
    return str(error)


def _tell(loaded: Loaded) -> None:
    """The first lines of the log: what runs, and by which configuration."""
    log = structlog.get_logger()
    source = "none, environment and defaults" if loaded.file is None else str(loaded.file)
    log.info("starting", version=version_text(), configuration=source)
    for sentence in loaded.notes:
        log.info("note", because=sentence)
