"""Which hosts may be probed at all, and which one a deployment was first seen at.

An `endpoint_url` is data from a response. Before a key goes there its host must be the platform's
or listed, the scheme https (except on loopback), and host, scheme and port must be those first seen
for this deployment id. Whatever else comes: no request, and somebody is told (SEMANTICS 6).

The URL is read by `yarl`, as the HTTP client reads it: two parsers that disagree about a host are a
way around this page.
"""

from collections.abc import Mapping, Sequence

from yarl import URL

from autoscaler.core.hosts import is_loopback
from autoscaler.core.model import Deployment, Json
from autoscaler.ports import HostRefused


def host_matches(pattern: str, host: str, port: int) -> bool:
    """True if `pattern` (`host`, `host:port`, `*.domain`, `*.domain:port`) allows `host` and
    `port`.

    A wildcard stands for one or more whole labels: `*.a.b` allows `x.a.b` and `y.x.a.b`, and
    neither `a.b` nor `xa.b`. A pattern without a port allows every port. An IPv6 address with a
    port is written in brackets.
    """
    name, wanted_port = _split_port(pattern.strip().lower())
    if wanted_port is not None and wanted_port != port:
        return False
    name, host = name.rstrip("."), host.lower().rstrip(".")
    if name.startswith("*."):
        suffix = name[1:]
        return host.endswith(suffix) and len(host) > len(suffix) and host[0] != "."
    return bool(name) and name == host


def allows(patterns: Sequence[str], url: URL) -> bool:
    """True if one of `patterns` allows the host and port of `url`."""
    return any(host_matches(p, url.raw_host or "", url.port or 0) for p in patterns)


def parse_endpoint(text: str) -> URL | None:
    """The endpoint as the HTTP client will read it; None if it is no plain http(s) URL with a
    host.
    """
    try:
        url = URL(text.strip())
        if url.scheme not in {"http", "https"} or not url.raw_host or not url.port:
            return None
    except ValueError:
        return None
    return None if url.raw_user or url.raw_password else url.with_query(None).with_fragment(None)


def address_of(url: URL) -> str:
    """`host:port` of an endpoint, as persons are told and asked for it."""
    return f"{url.raw_host}:{url.port}"


class HostGuard:
    """Remembers where each deployment was first seen, and what it refused."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = tuple(allowed)
        self._pins: dict[str, URL] = {}
        self._admitted: dict[str, tuple[str, URL]] = {}
        """The endpoint admitted last, as text and parsed: it mostly stays."""
        self._refused: dict[str, HostRefused] = {}

    def admit(self, deployment: Deployment, *, at: float) -> URL | None:
        """The URL to probe (the last known one while the platform tells none); None = refused, or
        nothing is known yet.
        """
        known = self._admitted.get(deployment.id)
        if known is not None and known[0] == deployment.endpoint_url:
            return known[1]
        if deployment.endpoint_url is None:
            return self._pins.get(deployment.id)
        url = parse_endpoint(deployment.endpoint_url)
        because = self._because(deployment, url)
        if because or url is None:
            self._admitted.pop(deployment.id, None)
            self.refuse(deployment, url, because=because, at=at)
            return None
        self._pins[deployment.id] = url
        self._admitted[deployment.id] = (deployment.endpoint_url, url)
        return url

    def accept(self, deployment: Deployment, address: str) -> URL:
        """Pin the place to which the endpoint has moved, if it is at `address` (`host:port`).

        The person names the place, so that nothing is accepted that came after the look. Raises
        ValueError with the reason as a sentence.
        """
        name, url = deployment.name, parse_endpoint(deployment.endpoint_url or "")
        pin = self._pins.get(deployment.id)
        if url is None or pin is None or pin.origin() == url.origin():
            raise ValueError(f"The endpoint of {name} has not moved; there is nothing to accept.")
        if address_of(url) != address.strip().lower():
            raise ValueError(
                f"The endpoint of {name} is at {address_of(url)} now, not at {address}. Look at it "
                "again before you accept it."
            )
        because = self._forbidden(url)
        if because:
            raise ValueError(f"The endpoint of {name} would still not be probed: {because}.")
        self._pins[deployment.id] = url
        self.forgive(deployment.id)
        return url

    def refusals(self) -> tuple[HostRefused, ...]:
        """What is refused at present, by deployment name."""
        return tuple(sorted(self._refused.values(), key=lambda refused: refused.deployment))

    def refusal(self, deployment_id: str) -> HostRefused | None:
        """Why this one is refused; None = it is not."""
        return self._refused.get(deployment_id)

    def pins(self) -> dict[str, str]:
        """Deployment id to the URL first seen (its path may have moved on)."""
        return {deployment_id: str(url) for deployment_id, url in self._pins.items()}

    def restore(self, pins: Mapping[str, Json]) -> None:
        """Take pins back after a restart; what is no URL is ignored."""
        for deployment_id, text in pins.items():
            url = parse_endpoint(text) if isinstance(text, str) else None
            if url is not None:
                self._pins[deployment_id] = url

    def keep(self, deployment_ids: frozenset[str]) -> None:
        """Forget all other deployments."""
        self._pins = {i: url for i, url in self._pins.items() if i in deployment_ids}
        self._admitted = {i: known for i, known in self._admitted.items() if i in deployment_ids}
        self._refused = {i: r for i, r in self._refused.items() if i in deployment_ids}

    def forgive(self, deployment_id: str) -> None:
        """Nothing is refused of this deployment any more."""
        self._refused.pop(deployment_id, None)

    def refuse(self, deployment: Deployment, url: URL | None, *, because: str, at: float) -> None:
        """Keep a refusal, to be told to somebody."""
        host = address_of(url) if url is not None else "(unreadable)"
        self._refused[deployment.id] = HostRefused(
            deployment_id=deployment.id,
            deployment=deployment.name,
            host=host,
            because=f"The endpoint of {deployment.name} is not probed: {because}.",
            at=at,
        )

    def _because(self, deployment: Deployment, url: URL | None) -> str:
        if url is None:
            return "it is no plain http(s) URL with a host and without a user name"
        forbidden = self._forbidden(url)
        if forbidden:
            return forbidden
        pin = self._pins.get(deployment.id)
        if pin is not None and pin.origin() != url.origin():
            return (
                f"it was at {pin.origin()} when first seen and has moved to {url.origin()}. If that"
                f" is right: neevscale accept-endpoint {deployment.name} {address_of(url)}"
            )
        return ""

    def _forbidden(self, url: URL) -> str:
        """Why no deployment at all may be probed there; empty if one may."""
        if url.scheme == "http" and not is_loopback(url.raw_host or ""):
            return "it is plain http, which is allowed on loopback only: ask the platform for https"
        if not allows(self._allowed, url):
            return (
                "its host is not allowed: add it to inference.allowed_hosts if it is yours "
                f"(allowed now: {', '.join(self._allowed) or 'none'})"
            )
        return ""


def _split_port(pattern: str) -> tuple[str, int | None]:
    if pattern.startswith("["):
        name, _, rest = pattern[1:].partition("]")
        return name, int(rest[1:]) if rest[1:].isdecimal() else None
    name, colon, port = pattern.rpartition(":")
    if colon and ":" not in name and port.isdecimal():
        return name, int(port)
    return pattern, None
