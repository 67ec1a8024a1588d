"""The emulated platform without HTTP: its control plane as plain calls, for days in seconds.

`DirectCloud` satisfies `ports.Cloud` over the same `Platform` that the HTTP server serves, and is
struck by the same faults; `direct_platform` holds both, `direct_probing` has the probes. What
differs from the real client over HTTP: a reading is tried once and not repeated within a deadline,
there is no token to renew, and a spoiled body is called unreadable without being parsed.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from autoscaler.core.model import Deployment, Json
from autoscaler.core.words import Status
from autoscaler.emulator.direct_faults import Struck
from autoscaler.emulator.direct_platform import DirectPlatform
from autoscaler.emulator.faults import FaultKind, Operation
from autoscaler.emulator.ledger import ScaleCall
from autoscaler.emulator.lifecycle import Unit
from autoscaler.emulator.platform import Impossible
from autoscaler.emulator.scenario import InventoryBase
from autoscaler.ports import CloudRefused, CloudUnknown, InventoryItem, Listing

DEADLINE_SECONDS = 30.0
"""How long a call waits for a control plane that hangs: the client's own deadline."""
TRY_LATER = frozenset({408, 425, 429})
"""Statuses below 500 after which nothing is known."""
OK, BAD_REQUEST, NOT_FOUND = 200, 400, 404

_STATUSES = {status.value: status for status in Status if status is not Status.UNKNOWN}


class Refused(CloudRefused):
    """The control plane said no."""

    def __init__(self, text: str, status: int = BAD_REQUEST) -> None:
        super().__init__(text)
        self.status = status


class Unknown(CloudUnknown):
    """What became of a call is not known; `status` 0 = no answer came."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class DirectCloud:
    """The control plane of an emulated platform; satisfies `ports.Cloud`."""

    def __init__(self, direct: DirectPlatform) -> None:
        self._direct = direct
        self._platform = direct.platform

    async def list(self) -> Listing:
        """Read the fleet."""
        self._direct.advance()
        struck = self._direct.strike(Operation.LIST, self._platform.living())
        await self._answer(struck, Operation.LIST)
        units = self._platform.living()
        if (short := struck.by(FaultKind.SHORT_LIST)) is not None:
            units = units[: max(0, len(units) - short.count)]
        seen = (self._describe(unit, struck) for unit in units)
        return Listing(
            deployments=tuple(sorted(seen, key=lambda d: (d.name, d.id))),
            complete=struck.by(FaultKind.WRONG_TOTALS) is None,
        )

    async def get(self, deployment_id: str) -> Deployment | None:
        """Read one deployment."""
        struck = self._struck(Operation.GET, deployment_id)
        fault = struck.by(FaultKind.STATUS)
        if fault is not None and fault.status == NOT_FOUND:
            return None
        await self._answer(struck, Operation.GET)
        unit = self._platform.find(deployment_id)
        return None if unit is None else self._describe(unit, struck)

    async def scale(self, deployment_id: str, replicas: int) -> Deployment | None:
        """Ask for `replicas`, and write the call down whatever comes of it."""
        struck = self._struck(Operation.SCALE, deployment_id)
        unit = self._platform.find(deployment_id)
        current = 0 if unit is None else unit.current
        status, applied = 0, False
        try:
            await self._before(struck, Operation.SCALE)
            applied = self._carry_out(struck, unit, replicas)
            status = OK
            self._after(struck)
        except (Refused, Unknown) as error:
            status = error.status
            raise
        finally:
            self._count(Operation.SCALE, status)
            self._platform.ledger.scale_calls.append(
                ScaleCall(
                    at=self._platform.now(),
                    deployment_id=deployment_id,
                    name="" if unit is None else unit.identity.name,
                    replicas=replicas,
                    current=current,
                    http_status=status,
                    applied=applied,
                )
            )
        if unit is None or struck.spoils_body():
            return None
        return self._describe(unit, struck)

    async def inventory(self) -> Sequence[InventoryItem]:
        """Prices and free GPUs."""
        if self._platform.scenario.rules.inventory is InventoryBase.NOWHERE:
            return ()
        self._direct.advance()
        await self._answer(self._direct.strike(Operation.INVENTORY), Operation.INVENTORY)
        currency = self._platform.scenario.rules.currency
        return [_item(entry, currency=currency) for entry in self._platform.inventory()]

    def credential_expires_at(self) -> float | None:
        """There is no credential that could expire."""
        return None

    def credential_lifetime_seconds(self) -> float | None:
        """There is no credential that could expire."""
        return None

    async def close(self) -> None:
        """There is nothing to close."""

    def _struck(self, operation: Operation, deployment_id: str) -> Struck:
        self._direct.advance()
        unit = self._platform.find(deployment_id)
        return self._direct.strike(operation, () if unit is None else (unit,))

    async def _answer(self, struck: Struck, operation: Operation) -> None:
        """Carry out what strikes a reading, before and after."""
        status = 0
        try:
            await self._before(struck, operation)
            status = OK
            self._after(struck)
            self._require_readable(struck)
        except Unknown as error:
            status = error.status or status
            raise
        finally:
            self._count(operation, status)

    async def _before(self, struck: Struck, operation: Operation) -> None:
        """Carry out what strikes before the platform acts."""
        if struck.by(FaultKind.REFUSED):
            raise Unknown(f"{operation}: the connection was closed (emulated fault)")
        for kind in (FaultKind.SLOW, FaultKind.HANG):
            if (fault := struck.by(kind)) is not None:
                await self._wait(fault.seconds, hangs=kind is FaultKind.HANG, operation=operation)
        if struck.by(FaultKind.EXPIRED_TOKEN):
            raise _refusal(operation, 401)
        if (fault := struck.by(FaultKind.STATUS)) is not None:
            raise _refusal(operation, fault.status or 503)
        if (page := struck.by(FaultKind.HTML)) is not None and page.status not in {None, OK}:
            raise _refusal(operation, page.status or 503)
        self._direct.advance()

    async def _wait(self, seconds: float, *, hangs: bool, operation: Operation) -> None:
        await self._direct.clock.sleep(min(seconds, DEADLINE_SECONDS))
        if hangs or seconds > DEADLINE_SECONDS:
            raise Unknown(f"{operation}: no answer within {DEADLINE_SECONDS:g} s")

    def _after(self, struck: Struck) -> None:
        """Carry out what strikes once the platform has acted."""
        if struck.by(FaultKind.RESET):
            raise Unknown("the connection was reset (emulated fault)")

    def _require_readable(self, struck: Struck) -> None:
        if struck.spoils_body():
            raise Unknown("the answer cannot be read (emulated fault)")

    def _carry_out(self, struck: Struck, unit: Unit | None, replicas: int) -> bool:
        """Do what the call asks; False if the platform does nothing. Raises CloudRefused."""
        if unit is None:
            raise Refused("there is no deployment with this id in the project", NOT_FOUND)
        if replicas < 1:
            raise Refused("replicas must be at least 1; there is no scale to zero")
        if struck.by(FaultKind.SCALE_IGNORED) or struck.by(FaultKind.HTML):
            return False
        try:
            if (fault := struck.by(FaultKind.SCALE_SLOW)) is not None:
                self._platform.scale_later(unit, replicas, seconds=fault.seconds)
            else:
                self._platform.scale(unit, replicas)
        except Impossible as error:
            raise Refused(str(error)) from error
        return True

    def _count(self, operation: Operation, status: int) -> None:
        self._platform.ledger.requests[f"{operation} {status}"] += 1

    def _describe(self, unit: Unit, struck: Struck) -> Deployment:
        """The deployment as the client would have decoded it."""
        platform, who = self._platform, unit.identity
        forced = struck.by(FaultKind.FORCED_STATUS, unit)
        word = forced.word if forced else unit.status_word
        return Deployment(
            id=who.id,
            name=who.name,
            project_id=platform.scenario.project_id,
            model_id=who.model.model_id,
            model_name=who.model.name,
            region=who.offer.region,
            status=_STATUSES.get(word, Status.UNKNOWN),
            raw_status=word,
            endpoint_url=platform.shown_endpoint(unit),
            gpu_config_id=who.offer.config_id,
            gpu_count=who.gpu_count,
            replicas=unit.current,
            created_at=_to_millisecond(who.created_at),
            updated_at=_to_millisecond(unit.updated_at),
            uptime_seconds=unit.uptime_seconds(platform.now()),
        )


def _refusal(operation: Operation, status: int) -> Exception:
    """The exception for an error status. A reading that is refused shows nothing at all."""
    text = f"{operation}: HTTP {status} (emulated fault)"
    is_unknown = status >= 500 or status in TRY_LATER or operation is not Operation.SCALE
    return Unknown(text, status) if is_unknown else Refused(text, status)


def _to_millisecond(at: float) -> float:
    """Instants are told to the millisecond, cut off."""
    return math.floor(at * 1000.0) / 1000.0


def _item(entry: Mapping[str, Json], *, currency: str) -> InventoryItem:
    """One item of the inventory as the client would have decoded it."""
    return InventoryItem(
        config_id=str(entry["config_id"]),
        region=str(entry["region"]),
        gpu_model=str(entry["gpu_model"]),
        price_per_gpu_hour=Decimal(str(entry["price_per_gpu_per_hour"])),
        currency=currency,
        available_gpu_count=_whole(entry["available_gpu_count"]),
        total_gpu_count=_whole(entry["total_gpu_count"]),
        min_gpu_count=_whole(entry["min_gpu_count"]),
        max_gpu_count=_whole(entry["max_gpu_count"]),
        availability=str(entry["availability"]),
    )


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) else None
