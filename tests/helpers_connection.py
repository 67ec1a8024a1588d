"""The sections of a configuration that lead a daemon to an emulated platform."""

from collections.abc import Mapping
from typing import Any

PLACES = ("base_url", "tenant_url", "inventory_url", "org_id", "project_id")


def connection_sections(where: Mapping[str, str], **credentials: str) -> dict[str, Any]:
    """Return them; `where` is what `neevscale emulate` prints (`asdict(emulator.connection)`).
    Without `credentials` the daemon comes with the token.
    """
    return {
        "cloud": {place: where[place] for place in PLACES}
        | (credentials or {"token": where["token"]}),
        "inference": {"key": where["inference_key"], "allowed_hosts": ["127.0.0.1"]},
    }
