"""The prober: one streamed completion per probe, and all that it must know to send it.

It never raises for anything an endpoint does. What it could not send, and what it spoiled itself,
comes back as an untrusted result.
"""

from collections.abc import Mapping
from dataclasses import replace

from autoscaler.core.model import Deployment, Json, ProbeResult
from autoscaler.core.words import FailureReason, UntrustedReason
from autoscaler.ports import Clock, HostRefused
from autoscaler.probes import debug
from autoscaler.probes.admission import Admission, NotAdmitted
from autoscaler.probes.config import CALIBRATE, LIVENESS, WARM, ProbeConfig, Profile
from autoscaler.probes.exchange import Exchange
from autoscaler.probes.failures import NETWORK_REASONS
from autoscaler.probes.honesty import (
    CLOCK_STEP_SECONDS,
    Canaries,
    LagSampler,
    UntrustedLedger,
)
from autoscaler.probes.liveness import look
from autoscaler.probes.memory import Memory, TokenBudget
from autoscaler.probes.results import Context, build_result, judge_exchange, unsent
from autoscaler.probes.sending import Run, Sender


class CompletionProber:
    """Satisfies `ports.EndpointProber`."""

    def __init__(
        self,
        config: ProbeConfig,
        *,
        clock: Clock,
        sampler: LagSampler | None = None,
        canaries: Canaries | None = None,
    ) -> None:
        """Without a `sampler` the loop is taken to be never late (virtual time); without
        `canaries` our own network to be up.
        """
        self._config = config
        self._clock = clock
        self._sampler = sampler
        self._canaries = canaries
        self._admission = Admission(config)
        self._sender = Sender(config, clock, sampler=sampler)
        self._memories: dict[str, Memory] = {}
        self._profiles = {p.name: p for p in (WARM, CALIBRATE, *config.schedule.profiles)}
        self._in_flight = 0
        self._closing = False
        self.ledger = UntrustedLedger()

    async def probe(
        self, deployment: Deployment, *, scheduled_at: float, profile: str = "short"
    ) -> ProbeResult:
        """Probe once. An unknown `profile` is a KeyError: a fault in our own wiring."""
        chosen = Profile(name=LIVENESS, prompt_tokens=0)
        if profile != LIVENESS:
            chosen = self._profiles[profile]
        result, _ = await self._probe(deployment, chosen, scheduled_at=scheduled_at)
        return result

    async def story(
        self, deployment: Deployment, *, profile: str = "short"
    ) -> tuple[ProbeResult, dict[str, Json]]:
        """Probe once, now, and tell everything."""
        result, run = await self._probe(
            deployment,
            self._profiles[profile],
            scheduled_at=self._clock.now(),
            keep_reads=True,
        )
        if run is None or not run.exchanges:
            return result, debug.story_unsent(result)
        request, exchange = run.exchanges[-1]
        verdict = judge_exchange(deployment.model_id, exchange, self._config)
        story = debug.tell(request, exchange, verdict=verdict, result=result)
        story["attempts"] = len(run.exchanges)
        story["hint"] = self.hint(deployment.id)
        return result, story

    def refusals(self) -> tuple[HostRefused, ...]:
        """Endpoints that are refused at present."""
        return self._admission.guard.refusals()

    def accept_endpoint(self, deployment: Deployment, address: str) -> Json:
        """Pin the place to which an endpoint has moved, and return what to keep of it."""
        self._admission.guard.accept(deployment, address)
        return self.memory()[deployment.id]

    def hint(self, deployment_id: str) -> str:
        """What on the way spoils this deployment's streams; empty if nothing does."""
        memory = self._memories.get(deployment_id)
        return "" if memory is None else memory.hint

    def memory(self) -> dict[str, Json]:
        """By deployment id: its pinned endpoint, and what its server refused."""
        documents: dict[str, Json] = {}
        for deployment_id, pin in self._admission.guard.pins().items():
            memory = self._memories.get(deployment_id)
            learned = {} if memory is None else memory.export()
            documents[deployment_id] = {"endpoint": pin, **learned}
        return documents

    def recall(self, documents: Mapping[str, Json]) -> None:
        """Take `memory` back."""
        for deployment_id, document in documents.items():
            if isinstance(document, dict):
                self._admission.guard.restore({deployment_id: document.get("endpoint")})
                self._memory(deployment_id).restore(document)

    def keep(self, deployment_ids: frozenset[str]) -> None:
        """Forget all other deployments."""
        self._admission.guard.keep(deployment_ids)
        self._memories = {i: m for i, m in self._memories.items() if i in deployment_ids}

    async def close(self) -> None:
        """Break off what is in flight (it ends as untrusted) and close all connections."""
        self._closing = True
        await self._sender.sessions.close()
        if self._canaries is not None:
            await self._canaries.close()
        if self._sampler is not None:
            self._sampler.stop()

    async def _probe(
        self,
        deployment: Deployment,
        profile: Profile,
        *,
        scheduled_at: float,
        keep_reads: bool = False,
    ) -> tuple[ProbeResult, Run | None]:
        memory = self._memory(deployment.id)
        context = Context(
            deployment_id=deployment.id,
            model=deployment.model_id,
            profile=profile,
            scheduled_at=scheduled_at,
            sent_at=self._clock.now(),
            warmup=memory.is_warming_up(
                deployment,
                seconds=self._config.warmup_seconds,
                monotonic=self._clock.monotonic(),
            ),
        )
        try:
            self._check_room()
            url, credential = self._admission.admit(deployment, at=context.sent_at)
        except NotAdmitted as refused:
            untrusted = UntrustedReason.SHUTDOWN if self._closing else UntrustedReason.CLIENT_FAULT
            result = unsent(context, refused.reason, str(refused), untrusted=untrusted)
            self.ledger.add(result)
            return result, None
        run = Run(
            deployment=deployment,
            profile=profile,
            memory=memory,
            url=url,
            credential=credential,
            keep_reads=keep_reads,
        )
        self._in_flight += 1
        try:
            result = await self._measure(run, context)
        finally:
            self._in_flight -= 1
        self.ledger.add(result)
        return result, run

    def _check_room(self) -> None:
        """A probe that may not start says so; it never waits, which would bend the grid."""
        if self._closing:
            raise NotAdmitted("neevscale is shutting down", FailureReason.CONNECT)
        if self._in_flight >= self._config.max_concurrent:
            text = f"{self._in_flight} probes are in flight, and no more may be: none was sent"
            raise NotAdmitted(text, FailureReason.CONNECT)

    async def _measure(self, run: Run, context: Context) -> ProbeResult:
        """Send, and look at the same time whether it is we who falter."""
        sampler, clock = self._sampler, self._clock
        began = clock.monotonic()
        offset = clock.now() - began
        if sampler is not None:
            sampler.start()
            sampler.watch()
        try:
            exchange = await self._exchange(run)
        finally:
            if sampler is not None:
                sampler.unwatch()
        if sampler is not None:
            exchange.worst_lag = sampler.worst_since(began)
        context = replace(
            context,
            id=run.id,
            sent_at=run.sent_at,
            secret=run.credential.value,
        )
        result = build_result(context, exchange, self._config)
        run.memory.learn(run.deployment.name, result, server=exchange.server)
        stepped = abs(clock.now() - clock.monotonic() - offset) > CLOCK_STEP_SECONDS
        return await self._with_own_faults(result, stepped=stepped)

    async def _exchange(self, run: Run) -> Exchange:
        if run.profile.name != LIVENESS:
            return await self._sender.send(run)
        run.sent_at = self._clock.now()
        return await look(
            self._sender.sessions.fresh(), run.url, self._clock, headers=run.credential.headers()
        )

    async def _with_own_faults(self, result: ProbeResult, *, stepped: bool) -> ProbeResult:
        """Add what only the prober knows of its own faults."""
        reasons = list(result.untrusted)
        if stepped:
            reasons.append(UntrustedReason.CLOCK_STEP)
        if self._closing and not result.ok:
            reasons.append(UntrustedReason.SHUTDOWN)
        if (
            result.failure in NETWORK_REASONS
            and self._canaries is not None
            and await self._canaries.is_offline()
        ):
            reasons.append(UntrustedReason.SELF_OFFLINE)
        if len(reasons) == len(result.untrusted):
            return result
        return replace(result, untrusted=tuple(dict.fromkeys(reasons)))

    def _memory(self, deployment_id: str) -> Memory:
        memory = self._memories.get(deployment_id)
        if memory is None:
            schedule = self._config.schedule
            longest = max((p.max_tokens for p in schedule.profiles), default=0)
            budget = TokenBudget(schedule.tokens_per_minute, float(longest))
            memory = self._memories[deployment_id] = Memory(budget)
        return memory
