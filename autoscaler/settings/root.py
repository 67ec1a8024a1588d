"""The whole configuration, and the effective policy that it gives each deployment.

`Settings(...)` of plain data reads neither file nor environment; `Settings.from_sources` asks the
sources that `autoscaler.settings.load` makes, and pydantic-settings lays them over one another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, Self

from pydantic import PrivateAttr
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from autoscaler.core.model import Deployment
from autoscaler.core.policy import Policy, Schedule, Slo, StepLimit
from autoscaler.core.words import Mode
from autoscaler.settings.alerting import AlertingSettings, SloRulesSettings
from autoscaler.settings.cloud import CloudSettings
from autoscaler.settings.money import BudgetSettings, PricesSettings
from autoscaler.settings.probing import InferenceSettings, IntervalsSettings, ProbeSettings
from autoscaler.settings.scaling import (
    DeploymentSettings,
    ScalingSettings,
    ScheduleSettings,
    StepLimitSettings,
)
from autoscaler.settings.section import Section
from autoscaler.settings.serving import LogSettings, StateSettings, WebSettings

SOURCES: Final = "_sources"
"""Key under which `from_sources` hands its sources to the library; no setting may be called so."""
FAST_PAGE_BURN = 14.4
"""Burn rate of the fast page: 2 % of a 30-day budget in one hour."""
FAST_PAGE_WINDOW_SECONDS = 3600.0
FEWEST_FAILURES_OF_A_PAGE = 3
"""Below three failures in the long window one blip pages."""


class Settings(Section, BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(case_sensitive=True)

    mode: Mode = Mode.ADVISORY
    """`advisory` recommends, `active` scales what an entry with a max matches. A tool that moves
    production is first watched.
    """
    cloud: CloudSettings = CloudSettings()
    """The control plane."""
    intervals: IntervalsSettings = IntervalsSettings()
    """How often the loops run."""
    defaults: ScalingSettings = ScalingSettings()
    """Policy of every deployment, where its entry says nothing else."""
    deployments: tuple[DeploymentSettings, ...] = ()
    """Which deployments may be scaled, and how; the first match wins. What no entry matches is
    watched and never scaled.
    """
    schedules: tuple[ScheduleSettings, ...] = ()
    """Floors and ceilings by calendar."""
    budget: BudgetSettings = BudgetSettings()
    """Money for the fleet."""
    prices: PricesSettings = PricesSettings()
    """Prices, where the inventory does not tell them."""
    alerting: AlertingSettings = AlertingSettings()
    """Alerts."""
    slo: SloRulesSettings = SloRulesSettings()
    """What is allowed of objectives."""
    inference: InferenceSettings = InferenceSettings()
    """Keys of the inference plane, and where they may go."""
    probe: ProbeSettings = ProbeSettings()
    """The probes."""
    web: WebSettings = WebSettings()
    """Page, API and metrics."""
    state: StateSettings = StateSettings()
    """The state file."""
    log: LogSettings = LogSettings()
    """The log."""

    _silenced: bool = PrivateAttr(default=False)

    @classmethod
    def from_sources(cls, sources: Sequence[PydanticBaseSettingsSource]) -> Self:
        """The settings that `sources` give, the first above all. Raises ValidationError."""
        return cls.model_validate({SOURCES: tuple(sources)})

    @classmethod
    def settings_customise_sources(  # noqa: PLR0917  # the library's signature
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # ours names its variables
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # there is no .env file
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # a secret names its file
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources of `from_sources`; where there are none, the plain data that was given."""
        given = init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
        sources: tuple[PydanticBaseSettingsSource, ...] = given.get(SOURCES, (init_settings,))
        return sources

    def silenced(self) -> Self:
        """The same settings where nothing is ever scaled (`run --mode advisory`)."""
        copy = self.model_copy(update={"mode": Mode.ADVISORY})
        copy._silenced = True  # noqa: SLF001  # our own copy
        return copy

    def entry_for(self, deployment: Deployment) -> DeploymentSettings | None:
        """The first entry that matches; None = the deployment is only watched."""
        return next((e for e in self.deployments if e.match.matches(deployment)), None)

    def scaling_for(self, entry: DeploymentSettings | None) -> ScalingSettings:
        """The defaults with what `entry` writes on top."""
        if entry is None:
            return self.defaults
        written = {name for name in entry.model_fields_set if name != "match"}
        update = {
            name: _over(getattr(self.defaults, name), getattr(entry, name)) for name in written
        }
        return self.defaults.model_copy(update=update)

    def policy_for(self, deployment: Deployment) -> Policy:
        """The effective policy of one deployment."""
        schedules = tuple(
            Schedule(
                cron=s.cron,
                timezone=s.timezone,
                duration_seconds=s.duration_seconds,
                min_replicas=s.min_replicas,
                max_replicas=s.max_replicas,
            )
            for s in self.schedules
            if s.match is None or s.match.matches(deployment)
        )
        return replace(self.policy_of(self.entry_for(deployment)), schedules=schedules)

    def policy_of(self, entry: DeploymentSettings | None) -> Policy:
        """The policy that an entry gives what it matches; None = nothing matches. No schedules."""
        scaling = self.scaling_for(entry)
        plain = {
            name: getattr(scaling, name)
            for name in ScalingSettings.model_fields.keys() & Policy.__dataclass_fields__.keys()
        }
        own = {
            "mode": self._mode_of(scaling),
            "matched": None if entry is None else self._words_for(entry),
            "slo": Slo(**scaling.slo.model_dump()),
            "scale_up_step": _step(scaling.scale_up_step),
            "scale_down_step": _step(scaling.scale_down_step),
            "max_cost_per_hour": _amount(scaling.max_cost_per_hour),
            "monthly_budget": _amount(scaling.monthly_budget),
            "budget_enforce": self.budget.enforce,
        }
        return Policy(**plain | own)

    def broken_rules(self) -> Iterator[tuple[str, str]]:
        """Rules that span sections: effective bounds, unreachable entries, honest pages."""
        yield from self._entries_in_conflict()
        if not self.slo.allow_low_volume:
            yield from self._objectives_too_high()

    def _entries_in_conflict(self) -> Iterator[tuple[str, str]]:
        seen: dict[str, int] = {}
        for number, entry in enumerate(self.deployments):
            words = str(entry.match)
            if words in seen:
                wrong = (
                    f"({words}) is that of entry {seen[words] + 1}: the first match wins, "
                    "so this entry is never used"
                )
                yield f"deployments.{number}.match", wrong
            seen.setdefault(words, number)
            scaling = self.scaling_for(entry)
            for key, wrong in scaling.broken_rules():
                yield f"deployments.{number}.{key}", f"{wrong} (with the defaults)"

    def _objectives_too_high(self) -> Iterator[tuple[str, str]]:
        """Probes come at half the pace when idle: 120 an hour at 15 s."""
        probes = FAST_PAGE_WINDOW_SECONDS / (2 * self.intervals.probe_seconds)
        effective = [("defaults", self.defaults)]
        effective += [
            (f"deployments.{number}", self.scaling_for(entry))
            for number, entry in enumerate(self.deployments)
            if "slo" in entry.model_fields_set
        ]
        for path, scaling in effective:
            objective = scaling.slo.availability_ratio
            if FAST_PAGE_BURN * (1 - objective) * probes < FEWEST_FAILURES_OF_A_PAGE:
                wrong = (
                    f"({objective:g}) would page on fewer than {FEWEST_FAILURES_OF_A_PAGE} failed "
                    "probes an hour at this pace; lower it, probe more often, or set "
                    "slo.allow_low_volume: true"
                )
                yield f"{path}.slo.availability_ratio", wrong

    def _mode_of(self, scaling: ScalingSettings) -> Mode:
        if self._silenced:
            return Mode.ADVISORY
        return scaling.mode or self.mode

    def _words_for(self, entry: DeploymentSettings) -> str:
        return f"deployments[{self.deployments.index(entry)}] ({entry.match})"


def _over(default: object, written: object) -> object:
    """`written` over `default`, key by key where both are sections."""
    if isinstance(default, Section) and isinstance(written, Section):
        update = {
            name: _over(getattr(default, name), getattr(written, name))
            for name in written.model_fields_set
        }
        return default.model_copy(update=update)
    return written


def _step(limit: StepLimitSettings) -> StepLimit:
    return StepLimit(
        replicas=limit.replicas, ratio=limit.ratio, period_seconds=limit.period_seconds
    )


def _amount(money: object) -> float | None:
    return None if money is None else float(str(money))
