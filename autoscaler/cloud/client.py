"""The control plane: all five operations of the API document, catalog and inventory.

The daemon sees `ports.Cloud` of it and no more; `deploy` and `delete` are for the command line, on
a person's word. Readings are repeated and lenient; changes are sent once and checked before.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from autoscaler.cloud.auth import Account, Credential, GivenToken, Login
from autoscaler.cloud.errors import Malformed, NotFound, NotSeen, Rejected, Unauthorized
from autoscaler.cloud.reading import Caller, Pages, ReadLimits
from autoscaler.cloud.transport import BODY_LIMIT, Answer, Call, RequestMeter, Transport, unmetered
from autoscaler.cloud.wire import (
    CatalogItem,
    CatalogWire,
    DeploymentWire,
    DeployRequest,
    InventoryWire,
    ScaleRequest,
    faults_in,
    id_of,
    name_of,
)
from autoscaler.core.model import Deployment
from autoscaler.ports import Clock, CloudRefused, InventoryItem, Listing

WireT = TypeVar("WireT", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudConfig:
    """Where the control plane is, and who we are there."""

    base_url: str
    org_id: str
    project_id: str
    tenant_url: str | None = None
    """Where to log in; needed with `email`."""
    inventory_url: str | None = None
    """Base URL of the inventory; None = it is looked for under `base_url` alone."""
    token: Callable[[], str] | None = None
    """The token, asked for on each call; None = `email` and `password` log in."""
    email: str | None = None
    """Account that logs in where there is no `token`; None = none."""
    password: Callable[[], str] | None = None
    """Its password, read at each login."""
    token_lifetime_seconds: float = 3600.0
    """Life of a token whose answer and claims tell none."""
    deadline_seconds: float = 10.0
    """Longest that one request may take, its body included."""
    limits: ReadLimits = field(default_factory=ReadLimits)
    body_limit_bytes: int = BODY_LIMIT
    """Largest answer that is read."""
    ca_file: Path | None = None
    """Certificates to trust besides the system's; None = none."""
    meter: RequestMeter = field(default=unmetered)
    """Told each request with its code and seconds."""


class CloudClient:
    """Satisfies `ports.Cloud`. Use it as a context, or close it."""

    def __init__(self, config: CloudConfig, *, clock: Clock) -> None:
        self._config = config
        self._transport = Transport(
            clock=clock,
            deadline_seconds=config.deadline_seconds,
            body_limit_bytes=config.body_limit_bytes,
            ca_file=config.ca_file,
            meter=config.meter,
        )
        self._credential = _credential(config, self._transport, clock)
        self._caller = Caller(self._transport, self._credential, config.limits)
        self._inventory_base: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session."""
        await self._transport.close()

    def credential_expires_at(self) -> float | None:
        """Instant at which the present token expires; None = unknown."""
        return self._credential.expires_at

    def credential_lifetime_seconds(self) -> float | None:
        """Whole life of the present token, as far as it is known; None = unknown."""
        return self._credential.lifetime_seconds

    async def list(self) -> Listing:
        """Read every page. Raises CloudUnknown when nothing could be read."""
        pages = await self._read_pages(self._call("list", "list deployments", "GET", ""))
        return _listing(pages.items, complete=pages.complete)

    async def get(self, deployment_id: str) -> Deployment | None:
        """Read one deployment; None = 404, it is gone. Raises CloudUnknown otherwise."""
        call = self._call("get", f"read deployment {deployment_id}", "GET", deployment_id)
        try:
            answer = await self._caller.read(call)
        except NotFound:
            return None
        except CloudRefused as error:
            raise NotSeen(str(error)) from error
        return _deployment(answer)

    async def scale(self, deployment_id: str, replicas: int) -> Deployment | None:
        """Ask for `replicas`, once. None = accepted, body unreadable. Raises CloudRefused or
        CloudUnknown.
        """
        what = f"scale deployment {deployment_id} to {replicas}"
        body = _checked(ScaleRequest, {"replicas": replicas}, what)
        call = self._call("scale", what, "PUT", deployment_id, "/scale", body=body)
        answer = await self._caller.once(call)
        return _deployment_or_none(answer)

    async def deploy(self, request: DeployRequest) -> Deployment | None:
        """Make a deployment, once. None = accepted, body unreadable. For the command line only."""
        body = request.model_dump(exclude_none=True)
        call = self._call("deploy", f"deploy {request.name}", "POST", "", body=body)
        answer = await self._caller.once(call)
        return _deployment_or_none(answer)

    async def delete(self, deployment_id: str) -> None:
        """Delete a deployment, once. For the command line only."""
        call = self._call("delete", f"delete deployment {deployment_id}", "DELETE", deployment_id)
        await self._caller.once(call)

    async def catalog(self) -> tuple[CatalogItem, ...]:
        """Models that can be deployed. Raises CloudUnknown."""
        call = Call(
            operation="catalog",
            what="read the catalog",
            method="GET",
            base_url=self._config.base_url,
            path="/api/v1beta1/aimodels-catalog",
        )
        pages = await self._read_pages(call)
        return tuple(wire.item() for wire in _readable(CatalogWire, pages.items))

    async def inventory(self) -> Sequence[InventoryItem]:
        """Prices and free GPUs; empty where the platform tells none. Raises CloudUnknown."""
        for base in self._inventory_bases():
            call = Call(
                operation="inventory",
                what="read the inventory",
                method="GET",
                base_url=base,
                path="/api/v1beta1/inventory",
            )
            try:
                pages = await self._read_pages(call)
            except _Absent:
                continue
            self._inventory_base = base
            return tuple(wire.item() for wire in _readable(InventoryWire, pages.items))
        return ()

    def _inventory_bases(self) -> Iterator[str]:
        """Where it answered before, else the places named by the platform, in order."""
        if self._inventory_base is not None:
            yield self._inventory_base
            return
        yield from dict.fromkeys(
            base for base in (self._config.inventory_url, self._config.base_url) if base
        )

    async def _read_pages(self, call: Call) -> Pages:
        try:
            return await self._caller.read_pages(call)
        except NotFound as error:
            raise _Absent(str(error)) from error
        except CloudRefused as error:
            raise NotSeen(str(error)) from error

    def _call(
        self,
        operation: str,
        what: str,
        method: str,
        *below: str,
        body: dict[str, Any] | None = None,
    ) -> Call:
        """A call below this project's deployments."""
        config = self._config
        path = f"/api/v1beta1/orgs/{config.org_id}/projects/{config.project_id}/aimodels"
        deployment_id, suffix = (*below, "", "")[:2]
        if deployment_id:
            path += f"/{_path_part(deployment_id, what)}"
        return Call(
            operation=operation,
            what=what,
            method=method,
            base_url=config.base_url,
            path=path + suffix,
            body=body,
        )


class _Absent(NotSeen):
    """The platform has no such API here."""


def _credential(config: CloudConfig, transport: Transport, clock: Clock) -> Credential:
    if config.token is not None:
        return GivenToken(config.token)
    if config.email is None or config.password is None or config.tenant_url is None:
        raise Unauthorized(
            "there is no credential: set NEEV_API_TOKEN, or cloud.email and cloud.password"
        )
    account = Account(
        tenant_url=config.tenant_url,
        email=config.email,
        password=config.password,
        token_lifetime_seconds=config.token_lifetime_seconds,
    )
    return Login(account, transport=transport, clock=clock)


def _path_part(text: str, what: str) -> str:
    """An id is data from a response: it must not lead to another path."""
    if not text.isascii() or not text.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise Rejected(f"{what}: {text!r} cannot be the id of a deployment")
    return text


def _checked(model: type[BaseModel], values: dict[str, Any], what: str) -> dict[str, Any]:
    try:
        return model.model_validate(values).model_dump(exclude_none=True)
    except ValidationError as error:
        raise Rejected(f"{what}: not sent, because {faults_in(error)}") from error


def _deployment(answer: Answer) -> Deployment:
    try:
        return DeploymentWire.model_validate(answer.json()).deployment()
    except ValidationError as error:
        raise Malformed(f"{answer.what}: the answer is wrong: {faults_in(error)}") from error


def _deployment_or_none(answer: Answer) -> Deployment | None:
    try:
        return _deployment(answer)
    except Malformed:
        return None


def _listing(items: Sequence[object], *, complete: bool) -> Listing:
    """Items by id, the last reading of a doubled one; what cannot be read is named.

    An item whose id cannot be read might be any deployment, so the list is then not complete: two
    such lists must not look like the deletion of everything.
    """
    deployments: dict[str, Deployment] = {}
    invalid: dict[str, str] = {}
    ids: list[str | None] = []
    for number, item in enumerate(items, 1):
        try:
            deployment = DeploymentWire.model_validate(item).deployment()
        except ValidationError as error:
            name = name_of(item, number)
            invalid[name] = f"{name}: {faults_in(error)}"
            ids.append(id_of(item))
        else:
            deployments[deployment.id] = deployment
    known = dict.fromkeys(i for i in ids if i is not None and i not in deployments)
    return Listing(
        deployments=tuple(sorted(deployments.values(), key=lambda d: (d.name, d.id))),
        complete=complete and None not in ids,
        invalid=tuple(invalid.values()),
        invalid_ids=tuple(known),
    )


def _readable(model: type[WireT], items: Sequence[object]) -> Iterator[WireT]:
    """Items that can be read; the others are nothing to anybody."""
    for item in items:
        try:
            yield model.model_validate(item)
        except ValidationError:
            continue
