"""The emulated platform without HTTP: deployments that live, are scaled, fail and are billed.

Whether a call is allowed and well-formed, the HTTP layer says; whether it can be carried out
(unique names, the catalog's ranges, free GPUs), this one does.
"""

import hashlib
from decimal import Decimal

from autoscaler.core.model import Json
from autoscaler.emulator.catalog import CatalogModel, GpuOffer
from autoscaler.emulator.fleet import Fleet, FleetConfig
from autoscaler.emulator.ledger import (
    DeploymentTruth,
    Ledger,
    PriceChange,
    Truth,
    billed_seconds,
    exact_bill,
    minute_bill,
)
from autoscaler.emulator.lifecycle import Identity, State, Unit
from autoscaler.emulator.orders import DeployOrder, serving_fault
from autoscaler.emulator.physics import Physics
from autoscaler.emulator.profile_table import PROFILES
from autoscaler.emulator.scenario import DeploymentPlan, Scenario, Serving
from autoscaler.emulator.timeline import Timeline

DEFAULT_SEQS = 256
"""Batch of a deployment that names none: vLLM's own default."""


class Impossible(Exception):
    """A well-formed call that cannot be carried out; the text says why."""


class Platform:
    """All deployments of one project, and their truth. `advance` before reading."""

    def __init__(self, scenario: Scenario, timeline: Timeline) -> None:
        self.scenario = scenario
        self.timeline = timeline
        self.ledger = Ledger()
        self._completions = 0
        self.origin = ""
        """Scheme, host and port of the gateway, known once it is bound."""
        self._delayed: list[tuple[float, Unit, int]] = []
        self._units: dict[str, Unit] = {}
        start = timeline.started_at
        self._prices = {o: [PriceChange(start, o.price_per_gpu_hour)] for o in scenario.offers}
        for plan in scenario.deployments:
            self._begin(plan, at=start)

    def endpoint_url(self, name: str) -> str:
        """Return the inference URL of a deployment, whatever its state."""
        return f"{self.origin}/inference/{name}/v1"

    def shown_endpoint(self, unit: Unit) -> str | None:
        """`endpoint_url` as a read shows it: null until ready; whether it stays in a transition is
        configurable.
        """
        stays = unit.state is State.SCALING and unit.identity.rules.endpoint_in_transition
        if unit.state is not State.READY and not stays:
            return None
        return self.endpoint_url(unit.identity.name)

    def now(self) -> float:
        """The present instant of the emulator's time line."""
        return self.timeline.now()

    def advance(self) -> None:
        """Let everything up to now happen."""
        now = self.now()
        self._carry_out_delayed(now)
        for unit in self._units.values():
            unit.advance(now)

    def advance_one(self, unit: Unit) -> None:
        """Let everything up to now happen to one deployment; the others may wait."""
        now = self.now()
        self._carry_out_delayed(now)
        unit.advance(now)

    def _carry_out_delayed(self, now: float) -> None:
        due = [call for call in self._delayed if call[0] <= now]
        self._delayed = [call for call in self._delayed if call[0] > now]
        for at, unit, replicas in due:
            unit.advance(at)
            unit.scale(at, replicas)

    def living(self) -> list[Unit]:
        """Deployments that are not gone, oldest first."""
        return [u for u in self._units.values() if u.state is not State.DELETED]

    def find(self, deployment_id: str) -> Unit | None:
        """Return the deployment of that id; None = never there or gone."""
        unit = self._units.get(deployment_id)
        return None if unit is None or unit.state is State.DELETED else unit

    def named(self, name: str) -> Unit | None:
        """Return the living deployment of that name."""
        return next((u for u in self.living() if u.identity.name == name), None)

    def deploy(self, order: DeployOrder) -> Unit:
        """Begin a new deployment of one replica. Raises Impossible."""
        model = self._model(order.catalog_id)
        offer = self._offer(order.gpu_config_id, order.region)
        if self.named(order.name) is not None:
            raise Impossible(f"The name {order.name} is taken in this project.")
        if order.plan_id != offer.plan_id:
            raise Impossible(
                f"plan_id must be an active ondemand plan for {offer.config_id}: {offer.plan_id}."
            )
        if not offer.min_gpu_count <= order.gpu_count <= offer.max_gpu_count:
            raise Impossible(f"gpu_count must not exceed {offer.max_gpu_count} for this GPU.")
        if (fault := serving_fault(order.config, model)) is not None:
            raise Impossible(fault)
        self._require_free(offer, order.gpu_count)
        return self._deploy(order, model, offer)

    def scale(self, unit: Unit, replicas: int) -> None:
        """Change the wanted count. Raises Impossible."""
        self._require_scalable(unit, replicas)
        unit.scale(self.now(), replicas)

    def scale_later(self, unit: Unit, replicas: int, *, seconds: float) -> None:
        """Accept now, carry out `seconds` later. Raises Impossible."""
        self._require_scalable(unit, replicas)
        self._delayed.append((self.now() + seconds, unit, replicas))

    def _require_scalable(self, unit: Unit, replicas: int) -> None:
        if unit.state in {State.FAILED, State.TERMINATING}:
            raise Impossible(f"A deployment that is {unit.state.value} cannot be scaled.")
        wanted = (replicas - unit.billed) * unit.identity.gpu_count
        self._require_free(unit.identity.offer, wanted)

    def delete(self, unit: Unit) -> None:
        """Begin deletion."""
        unit.terminate(self.now())

    def set_price(self, unit: Unit, price: Decimal, *, at: float) -> None:
        """Change the price of the deployment's GPU configuration from `at` on."""
        self._prices[unit.identity.offer].append(PriceChange(at, price))

    def inventory(self) -> list[dict[str, Json]]:
        """The inventory's items now."""
        return [
            offer.entry(price=prices[-1].per_gpu_hour, used=self._used(offer))
            for offer, prices in self._prices.items()
        ]

    def new_completion_id(self) -> str:
        """Return an id for one chat completion."""
        self._completions += 1
        return f"chatcmpl-{self._digest(f'completion {self._completions}')[:16]}"

    def next_change_at(self) -> float | None:
        """Instant of the next change that is known beforehand; None = none is."""
        known = [at for u in self._units.values() if (at := u.next_change_at()) is not None]
        return min([*known, *(at for at, _, _ in self._delayed)], default=None)

    def truth(self) -> Truth:
        """Advance to now and return the ledger."""
        self.advance()
        return Truth(
            at=self.now(),
            started_at=self.timeline.started_at,
            currency=self.scenario.rules.currency,
            deployments=tuple(self._truth(unit) for unit in self._units.values()),
            status_changes=tuple(self.ledger.status_changes),
            scale_calls=tuple(self.ledger.scale_calls),
            requests=dict(self.ledger.requests),
        )

    def _truth(self, unit: Unit) -> DeploymentTruth:
        who, changes = unit.identity, tuple(unit.replica_changes)
        prices, until = self._prices[who.offer], self.now()
        return DeploymentTruth(
            id=who.id,
            name=who.name,
            status=unit.status_word,
            current=unit.current,
            target=unit.fleet.target,
            created_at=who.created_at,
            deleted_at=unit.deleted_at,
            ready_since=unit.ready_since,
            gpu_count=who.gpu_count,
            price_per_gpu_hour=prices[-1].per_gpu_hour,
            billed_replica_seconds=billed_seconds(changes, until=until),
            bill_exact=exact_bill(changes, prices, gpus=who.gpu_count, until=until),
            bill_per_minute=minute_bill(changes, prices, gpus=who.gpu_count, until=until),
            requests_completed=unit.fleet.gauges().tallies.completed,
            replica_changes=changes,
        )

    def _begin(self, plan: DeploymentPlan, *, at: float) -> None:
        model = self._model(plan.catalog_id)
        identity = Identity(
            id=self._new_id(plan.name),
            name=plan.name,
            model=model,
            offer=self._offer(plan.gpu_config_id or model.gpu_config_id, None),
            gpu_count=plan.gpu_count or model.gpu_count,
            serving=plan.serving,
            max_model_len=plan.serving.max_model_len or model.max_model_len.default,
            rules=self.scenario.rules,
            created_at=at - plan.age_seconds,
        )
        config = FleetConfig(
            profile=PROFILES[plan.profile or model.profile],
            physics=plan.physics,
            at=at,
            replicas=plan.replicas,
            seed=self._seed(plan.name),
            router=plan.router,
            cold_start_seconds=plan.cold_start_seconds,
            cold_start_spread_ratio=plan.cold_start_spread_ratio,
            drain_seconds=plan.drain_seconds,
        )
        source = plan.workload or plan.recording
        load = source.requests(at, seed=self._seed(plan.name)) if source else ()
        unit = self._add(identity, Fleet(config, load), at=at)
        unit.ready_since = identity.created_at

    def _deploy(self, order: DeployOrder, model: CatalogModel, offer: GpuOffer) -> Unit:
        at = self.now()
        length = order.config.get("max_model_len")
        identity = Identity(
            id=self._new_id(order.name),
            name=order.name,
            model=model,
            offer=offer,
            gpu_count=order.gpu_count,
            serving=Serving(),
            max_model_len=length if isinstance(length, int) else model.max_model_len.default,
            rules=self.scenario.rules,
            created_at=at,
        )
        seqs = order.config.get("max_num_seqs")
        config = FleetConfig(
            profile=PROFILES[model.profile],
            physics=Physics(max_num_seqs=seqs if isinstance(seqs, int) else DEFAULT_SEQS),
            at=at,
            replicas=0,
            seed=self._seed(order.name),
            cold_start_seconds=self.scenario.rules.cold_start_seconds,
        )
        fleet = Fleet(config)
        fleet.scale(at, 1)
        return self._add(identity, fleet, at=at)

    def _add(self, identity: Identity, fleet: Fleet, *, at: float) -> Unit:
        unit = Unit(identity, fleet, self.ledger.status_changes.append, updated_at=at)
        self._units[identity.id] = unit
        return unit

    def _model(self, catalog_id: str) -> CatalogModel:
        for model in self.scenario.catalog:
            if model.id == catalog_id:
                return model
        raise Impossible("catalog_id names no model of the catalog.")

    def _offer(self, config_id: str, region: str | None) -> GpuOffer:
        for offer in self.scenario.offers:
            if offer.config_id == config_id and region in {None, offer.region}:
                return offer
        raise Impossible("gpu_config_id is not offered in this region; see the inventory.")

    def _used(self, offer: GpuOffer) -> int:
        units = (u for u in self._units.values() if u.identity.offer is offer)
        return sum(u.billed * u.identity.gpu_count for u in units)

    def _require_free(self, offer: GpuOffer, gpus: int) -> None:
        free = offer.total_gpu_count - self._used(offer)
        if gpus > free:
            raise Impossible(f"Only {free} GPUs of {offer.config_id} are free in {offer.region}.")

    def _new_id(self, name: str) -> str:
        return f"dep-{self._digest(f'{len(self._units)} {name}')[:12]}"

    def _seed(self, name: str) -> int:
        return int(self._digest(name)[:8], 16)

    def _digest(self, purpose: str) -> str:
        return hashlib.sha256(f"{self.scenario.seed}/{purpose}".encode()).hexdigest()
