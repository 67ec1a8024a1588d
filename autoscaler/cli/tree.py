"""All verbs on one page, each imported only when it is called, so that `--help` is quick.

A verb is a function whose signature is its options (typer), or a group of such functions.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Final, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

Command = TyperCommand | TyperGroup
WATCH: Final = "Run"
LOOK: Final = "Look"
ORDER: Final = "Order a running daemon"
PLATFORM: Final = "Platform"
LEARN: Final = "Try and learn"

EPILOG: Final = (
    "Exit codes: 0 ok, 1 something went wrong, 2 usage or configuration, 3 a check failed.\n\n"
    "First steps: neevscale demo. Then: export NEEV_ORG_ID, NEEV_PROJECT_ID, NEEV_API_TOKEN, "
    "NEEV_INFERENCE_API_KEY; neevscale check-config --online; neevscale run."
)


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb is, and what it says of itself in one line."""

    place: str
    """`module:name` below `autoscaler.cli`; the name is a function, or a `typer.Typer` group."""
    help: str
    panel: str
    hidden: bool = False


VERBS: Final[dict[str, Verb]] = {
    "run": Verb("run:run", "Watch, decide, scale, alert and account, until told to stop.", WATCH),
    "check-config": Verb(
        "check:check_config", "Check the configuration; --online also looks at the platform.", WATCH
    ),
    "demo": Verb("demo:demo", "Watch three emulated deployments; needs nothing.", WATCH),
    "healthcheck": Verb(
        "healthcheck:healthcheck", "Ask a running daemon whether it is well.", WATCH
    ),
    "status": Verb("status:status", "Show the fleet as the daemon sees it.", LOOK),
    "explain": Verb("explain:explain", "Say what was decided for a deployment, and why.", LOOK),
    "cost": Verb("cost:cost", "Show what deployments cost, by day.", LOOK),
    "uptime": Verb("uptime:uptime", "Hold a month against the platform's SLA.", LOOK),
    "probe": Verb("probe:probe", "Probe a deployment once, now.", LOOK),
    "alerts": Verb("alerts:app", "List, silence and test alerts.", LOOK),
    "pause": Verb("orders:pause", "Stop scaling a deployment.", ORDER),
    "resume": Verb("orders:resume", "End a pause or an override.", ORDER),
    "override": Verb("orders:override", "Hold a count of replicas for a while.", ORDER),
    "accept-endpoint": Verb(
        "orders:accept_endpoint", "Trust the place an endpoint has moved to.", ORDER
    ),
    "calibrate": Verb("calibrate:calibrate", "Measure an idle deployment's own speed.", ORDER),
    "deployments": Verb("deployments:app", "List, deploy, scale and delete deployments.", PLATFORM),
    "catalog": Verb("market:catalog", "List the models that can be deployed.", PLATFORM),
    "inventory": Verb("market:inventory", "List GPUs with prices and free counts.", PLATFORM),
    "emulate": Verb("emulate:emulate", "Serve an emulated platform on this machine.", LEARN),
    "backtest": Verb("backtest:backtest", "Judge policies on a trace of requests.", LEARN),
    "replay": Verb("replay:replay", "Decide the recorded past again.", LEARN),
    "rules": Verb("rules:rules", "Print Prometheus rules for this configuration.", LEARN),
    "config": Verb("config:app", "Show the schema and the effective configuration.", LEARN),
    "version": Verb("version:version", "Print the version.", LEARN),
    "reference": Verb("reference:reference", "Print docs/reference.md.", LEARN, hidden=True),
}


class Verbs(TyperGroup):
    """The group of all verbs: shows them from the table, imports the one that is called."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # as below
        """Return the names, in the table's order."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | None:  # type: ignore[override]  # as below
        """Return what is needed to show one verb in the help."""
        del ctx
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        return TyperCommand(
            cmd_name, help=verb.help, hidden=verb.hidden, rich_help_panel=verb.panel
        )

    def resolve_command(
        self,
        ctx: typer.Context,  # type: ignore[override]  # the click that typer carries
        args: list[str],
    ) -> tuple[str | None, Command | None, list[str]]:
        """Return the verb that is called, imported now."""
        close = [] if args[0] in VERBS else get_close_matches(args[0], VERBS, n=1)
        if close:
            ctx.fail(f"There is no command {args[0]!r}. Did you mean {close[0]}?")
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else load(name), rest


def load(name: str) -> Command:
    """The real command behind a verb."""
    module, _, attribute = VERBS[name].place.partition(":")
    found = getattr(import_module(f"autoscaler.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        group = found
    else:
        group = typer.Typer(add_completion=False, rich_markup_mode="markdown")
        group.command(name)(found)
    command = get_command(group)
    command.name = name
    return cast("Command", command)


def _show_version(value: bool) -> None:  # noqa: FBT001  # typer's callback
    if value:
        from autoscaler.cli.version import version  # noqa: PLC0415  # only when asked

        version()
        raise typer.Exit


def build_cli() -> typer.Typer:
    """The whole command line."""
    cli = typer.Typer(
        cls=Verbs,
        name="neevscale",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        epilog=EPILOG,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @cli.callback()
    def neevscale(
        *,
        _version: Annotated[
            bool,
            typer.Option(
                "--version", callback=_show_version, is_eager=True, help="Print the version."
            ),
        ] = False,
    ) -> None:
        """Autoscaler and health monitor for Dedicated Model Deployments, seen from outside."""

    return cli
