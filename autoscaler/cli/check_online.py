"""The half of `check-config` that looks at the platform: lists and probes once. Reads only."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autoscaler.app.adapters import build_prober
from autoscaler.cli.output import print_table, say
from autoscaler.cli.platform import open_cloud
from autoscaler.cli.quotes import Quote, quote_for
from autoscaler.cli.status import milliseconds
from autoscaler.clock import SystemClock
from autoscaler.cloud import CloudClient, CloudError
from autoscaler.core.codec import encode
from autoscaler.core.model import Deployment, ProbeResult
from autoscaler.core.policy import Policy
from autoscaler.core.words import FailureReason
from autoscaler.daemon.warnings import about_deployment
from autoscaler.ports import InventoryItem
from autoscaler.probes.honesty import LagSampler
from autoscaler.settings import Settings

_ADVICE: Mapping[FailureReason, str] = {
    FailureReason.HTTP_AUTH: ". The inference key is wrong: set NEEV_INFERENCE_API_KEY to another."
}
"""What to do about a failed probe, where it is the configuration's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One deployment as it was found, and what would become of it."""

    deployment: Deployment
    policy: Policy
    quote: Quote | None
    """None = its price is unknown."""
    probe: ProbeResult | None
    """None where it was not probed: not ready, or no endpoint."""

    @property
    def plan(self) -> str:
        """What a daemon of this configuration does with it."""
        if not self.policy.is_managed:
            return "watch"
        return "scale" if self.policy.may_scale else "recommend"

    def missing(self) -> tuple[str, ...]:
        """What is wrong or missing, a sentence each."""
        sentences = list(about_deployment(self.deployment, self.policy))
        name = self.deployment.name
        if self.probe is not None and self.probe.failure is not None:
            advice = _ADVICE.get(self.probe.failure, "")
            sentences.append(
                f"{name}: the probe failed, {self.probe.failure}. {self.probe.detail}{advice}"
            )
        if self.quote is None:
            gpu = self.deployment.gpu_config_id
            sentences.append(
                f"{name}: the price of {gpu} is unknown, so its cost is not shown; add "
                f"prices: {{currency: USD, per_gpu_hour: {{{gpu}: 0.00}}}}"
            )
        return tuple(sentences)

    def cost(self, replicas: int | None) -> str | None:
        """What so many replicas cost an hour; None = unknown."""
        if self.quote is None or replicas is None:
            return None
        gpus = self.deployment.gpu_count * replicas
        return self.quote.per_hour(gpus).removesuffix(" an hour")

    def probe_words(self) -> str:
        """What the probe found."""
        if self.probe is None:
            return "not probed"
        if not self.probe.ok:
            return str(self.probe.failure)
        itl = milliseconds(self.probe.itl_seconds) or "unknown"
        return f"ok, TTFT {milliseconds(self.probe.ttft_seconds) or 'unknown'}, ITL {itl}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a look at the platform found."""

    seen: tuple[Seen, ...]
    problems: tuple[str, ...] = field(default=())
    """What is wrong with the whole: the list, the inventory."""
    unused: tuple[str, ...] = ()
    """Entries that match no deployment: not yet deployed, or misspelt."""

    @property
    def is_well(self) -> bool:
        """True if everything was seen, and every probe succeeded."""
        return not self.problems and all(s.probe is None or s.probe.ok for s in self.seen)

    def verdict(self) -> str:
        """How many deployments there are, and what becomes of them."""
        plans = Counter(s.plan for s in self.seen)
        probed = [s.probe for s in self.seen if s.probe is not None]
        return (
            f"{len(self.seen)} deployments: {plans['scale']} would be scaled, "
            f"{plans['recommend']} get recommendations, {plans['watch']} are only watched. "
            f"{sum(probe.ok for probe in probed)} of {len(probed)} probes succeeded."
        )

    def sentences(self) -> tuple[str, ...]:
        """What is wrong or missing, about the whole and about each."""
        unused = (f"{entry} matches none of these deployments" for entry in self.unused)
        return (*self.problems, *unused, *(text for s in self.seen for text in s.missing()))

    def show(self) -> None:
        """Print one table, what it comes to, and what is missing."""
        say("")
        print_table(
            ("NAME", "STATUS", "REPLICAS", "PLAN", "MIN", "MAX", "COST/H", "AT MAX", "PROBE"),
            (
                (
                    s.deployment.name,
                    s.deployment.raw_status,
                    s.deployment.replicas,
                    s.plan,
                    s.policy.min_replicas,
                    s.policy.max_replicas,
                    s.cost(s.deployment.replicas),
                    s.cost(s.policy.max_replicas),
                    s.probe_words(),
                )
                for s in self.seen
            ),
            empty="The project has no deployments.",
        )
        say(f"\n{self.verdict()}")
        for sentence in self.sentences():
            say(f"- {sentence}")

    def as_json(self) -> dict[str, object]:
        """The same as data."""
        return {
            "problems": list(self.problems),
            "unused_entries": list(self.unused),
            "deployments": [
                {
                    "deployment": encode(s.deployment),
                    "policy": encode(s.policy),
                    "plan": s.plan,
                    "cost_per_hour": s.cost(s.deployment.replicas),
                    "cost_per_hour_at_max": s.cost(s.policy.max_replicas),
                    "probe": None if s.probe is None else encode(s.probe),
                    "missing": list(s.missing()),
                }
                for s in self.seen
            ],
        }


async def look(settings: Settings) -> Findings:
    """Log in, list, read the prices, probe each ready deployment once."""
    async with open_cloud(settings) as cloud:
        listing = await cloud.list()
        problems = [f"cannot be read: {sentence}" for sentence in listing.invalid]
        if not listing.complete:
            problems.append("the list may be short: its totals do not agree with what came")
        inventory = await _inventory(cloud, problems)
    probes = await _probe_all(settings, listing.deployments)
    seen = tuple(
        Seen(
            deployment=deployment,
            policy=settings.policy_for(deployment),
            quote=quote_for(settings, inventory, deployment),
            probe=probe,
        )
        for deployment, probe in zip(listing.deployments, probes, strict=True)
    )
    used = [settings.entry_for(deployment) for deployment in listing.deployments]
    unused = tuple(
        f"deployments[{number}] ({entry.match})"
        for number, entry in enumerate(settings.deployments)
        if entry not in used
    )
    return Findings(seen=seen, problems=tuple(problems), unused=unused)


async def _inventory(cloud: CloudClient, problems: list[str]) -> Sequence[InventoryItem]:
    try:
        return await cloud.inventory()
    except CloudError as error:
        problems.append(f"the inventory cannot be read: {error}")
        return ()


async def _probe_all(
    settings: Settings, deployments: Sequence[Deployment]
) -> list[ProbeResult | None]:
    clock = SystemClock()
    sampler = LagSampler(clock)
    sampler.start()
    prober = build_prober(settings, clock=clock, sampler=sampler)

    async def probe(deployment: Deployment) -> ProbeResult | None:
        if not deployment.is_ready or deployment.endpoint_url is None:
            return None
        return await prober.probe(deployment, scheduled_at=clock.now())

    try:
        return await asyncio.gather(*(probe(deployment) for deployment in deployments))
    finally:
        await prober.close()
        sampler.stop()
