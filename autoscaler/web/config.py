"""What a person sets about the web server: where it listens, under which address it is reached,
and who may change something. It only holds values; `server.py` obeys them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """Settings of the web server, made once from the configuration."""

    listen: str = "127.0.0.1:9464"
    """`host:port`, `[v6]:port` or `:port` (all addresses). Port 0 takes a free one. Loopback unless
    told otherwise: nobody outside the machine sees it by accident.
    """
    external_url: str = ""
    """URL under which people reach the server, as behind a proxy; empty = as asked for."""
    route_prefix: str | None = None
    """Path that all routes live under; None = the path of `external_url`."""
    admin_token: Callable[[], str | None] | None = None
    """Reads the admin token at each use, so that a rotated file counts at once. None, or a callable
    that returns None or an empty string = no token is set.
    """
    lifecycle: bool = True
    """Whether `POST /-/reload` is served; it needs the admin token or a user like any change."""
    web_config_file: Path | None = None
    """File of the exporter toolkit's form (TLS, basic auth, headers); None = plain HTTP."""
    probes_per_minute: int = 6
    """Probes a minute and deployment that people may ask for: they cost tokens."""
    max_body_bytes: int = 65536
    """Largest request body; the largest sensible one (a silence) is below 4 KiB."""
    heartbeat_seconds: float = 5.0
    """Seconds between two polls of the page. A third of the decision interval."""

    @property
    def prefix(self) -> str:
        """Path before every route, without a trailing slash; empty for none."""
        path = urlsplit(self.external_url).path if self.route_prefix is None else self.route_prefix
        stripped = path.strip("/")
        return f"/{stripped}" if stripped else ""

    @property
    def link_prefix(self) -> str:
        """Path that a browser puts before every route: the external one where there is one."""
        if not self.external_url:
            return self.prefix
        stripped = urlsplit(self.external_url).path.strip("/")
        return f"/{stripped}" if stripped else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterConfig:
    """Settings of the metrics."""

    ttft_edges: Sequence[float] = ()
    """TTFT thresholds of the configured SLOs, seconds: each becomes a bucket edge."""
    itl_edges: Sequence[float] = ()
    """ITL thresholds of the configured SLOs, seconds: each becomes a bucket edge."""
    max_deployments: int = 2000
    """Deployments with series of their own; events of the others count under `_overflow`."""
    tombstone_seconds: float = 900.0
    """Seconds that the counters of a deleted deployment stay, so that their last increments are
    scraped: the larger of 15 min and 5 scrapes.
    """
