"""Answers of a Prometheus as extra signals: instant queries, read-only, bounded, absent is fine."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from yarl import URL

from autoscaler.core.model import Deployment, Json, Signal
from autoscaler.core.words import Measure
from autoscaler.ports import Clock
from autoscaler.probes.config import EVERYTHING, Match
from autoscaler.probes.fetch import Fetcher

PLACEHOLDER: Final = "$deployment"
"""Stands in a query for the deployment's name, escaped for a PromQL string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query that gives one number."""

    name: str
    query: str
    target: float | None = None
    """Value per replica at which the load is as wanted; None = the signal has none."""
    measure: Measure | None = None
    """What it measures of the load, all replicas together; None = nothing of the estimate."""
    match: Match = EVERYTHING


class PromqlSignals:
    """Satisfies `ports.SignalReader`."""

    def __init__(
        self,
        clock: Clock,
        url: str,
        queries: Sequence[Query],
        *,
        bearer_token: Callable[[], str] | None = None,
    ) -> None:
        """`url` is Prometheus' base URL; a token goes there and nowhere else."""
        self._clock = clock
        self._url = URL(url) / "api" / "v1" / "query"
        self._queries = tuple(queries)
        self._token = bearer_token
        self._fetcher = Fetcher()

    async def read(self, deployment: Deployment) -> tuple[Signal, ...]:
        """One signal for each query of this deployment; its value is None where Prometheus does not
        answer, or answers with no or several series.
        """
        return tuple(
            [
                Signal(
                    name=query.name,
                    at=self._clock.now(),
                    value=await self._value(fill(query.query, deployment.name)),
                    target=query.target,
                    measure=query.measure,
                )
                for query in self._queries
                if query.match.fits(deployment)
            ]
        )

    async def close(self) -> None:
        """Close the session."""
        await self._fetcher.close()

    async def _value(self, query: str) -> float | None:
        try:
            headers = {"Authorization": f"Bearer {self._token()}"} if self._token else None
        except OSError:
            return None
        fetched = await self._fetcher.get(self._url, headers=headers, params={"query": query})
        return None if fetched.body is None else read_value(fetched.body)


def fill(query: str, deployment: str) -> str:
    r"""Put the deployment's name into a query, so that no name can end the string it stands in.

    >>> fill('rate(x{name="$deployment"}[1m])', 'a"b')
    'rate(x{name="a\\"b"}[1m])'
    """
    escaped = deployment.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return query.replace(PLACEHOLDER, escaped)


def read_value(body: bytes) -> float | None:
    """The one number of an instant query's answer; None if it is no number, or not one."""
    try:
        answer: Json = json.loads(body)
    except (ValueError, RecursionError):
        return None
    data = answer.get("data") if isinstance(answer, dict) else None
    result = data.get("result") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(result, list):
        return None
    if data.get("resultType") == "scalar":
        return _sample(result)
    if len(result) != 1 or not isinstance(result[0], dict):
        return None
    return _sample(result[0].get("value"))


def _sample(pair: Json) -> float | None:
    """The value of `[instant, "text"]`."""
    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], str):
        return None
    try:
        value = float(pair[1])
    except ValueError:
        return None
    return value if math.isfinite(value) else None
