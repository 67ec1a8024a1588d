"""Sends one probe: builds the request, and gives up refused optional fields one by one.

Which fields a server takes is learned at the first probe and remembered; later ones need a single
request.
"""

import functools
import secrets
from dataclasses import dataclass, field
from typing import Final

from yarl import URL

from autoscaler.core.model import Deployment
from autoscaler.ports import Clock
from autoscaler.probes.config import ProbeConfig, Profile
from autoscaler.probes.exchange import Conversation, Exchange, Request
from autoscaler.probes.honesty import LagSampler
from autoscaler.probes.keys import Credential
from autoscaler.probes.listening import Limits
from autoscaler.probes.memory import Memory
from autoscaler.probes.request import Draft, Extension, build_body, first_to_drop
from autoscaler.probes.sessions import Sessions

PATIENCE: Final = 3.0
"""The headers may take this multiple of the last TTFT (see `Deadlines.headers`)."""


@dataclass(slots=True, kw_only=True)
class Run:
    """One probe under way."""

    deployment: Deployment
    profile: Profile
    memory: Memory
    url: URL
    credential: Credential
    keep_reads: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    """Salt of the prompt and name of the request."""
    sent_at: float = 0.0
    """Instant of the latest attempt."""
    exchanges: list[tuple[Request, Exchange]] = field(default_factory=list)
    """All attempts; more than one where optional fields were refused."""


@functools.lru_cache(maxsize=1024)
def completions_url(endpoint: URL) -> URL:
    """Where completions are asked for. Kept, because a URL keeps what was read from it."""
    return endpoint / "chat" / "completions"


class Sender:
    """Holds the conversations of all probes."""

    def __init__(self, config: ProbeConfig, clock: Clock, *, sampler: LagSampler | None) -> None:
        self._config = config
        self._clock = clock
        self._sampler = sampler
        self._limits = Limits(
            deadlines=config.deadlines,
            max_response_bytes=config.max_response_bytes,
            max_event_bytes=config.max_event_bytes,
            require_done=config.require_done,
        )
        self.sessions = Sessions(config)

    async def send(self, run: Run) -> Exchange:
        """Send until the server takes the optional fields, or none is left to drop."""
        memory, monotonic = run.memory, self._clock.monotonic
        until = monotonic() + self._config.deadlines.total
        tokens = memory.tokens(
            run.profile,
            stream_seconds=self._config.schedule.stream_seconds,
            monotonic=monotonic(),
        )
        tried: set[Extension] = set()
        while True:
            sent = memory.extensions() - tried
            request = self._request(run, tokens, sent)
            run.sent_at = self._clock.now()
            exchange = await self._conversation(run).hold(request, keep_reads=run.keep_reads)
            run.exchanges.append((request, exchange))
            if exchange.status == 200:
                memory.dropped |= tried
            dropped = self._field_to_drop(memory, exchange, sent)
            if dropped is None or monotonic() > until:
                return exchange
            tried.add(dropped)

    def _field_to_drop(
        self, memory: Memory, exchange: Exchange, sent: frozenset[Extension]
    ) -> Extension | None:
        """The field to give up after a 400 or 422; None = this answer stands."""
        if exchange.status not in {400, 422}:
            return None
        dropped = first_to_drop(exchange.refusal, sent)
        if dropped is not None and dropped.value in exchange.refusal:
            return dropped
        now = self._clock.monotonic()
        if not memory.may_try_fields(now):
            return None
        if dropped is None:
            memory.gave_up_at = now
        return dropped

    def _request(self, run: Run, tokens: int, extensions: frozenset[Extension]) -> Request:
        config = self._config
        draft = Draft(
            model=run.deployment.model_id,
            profile=run.profile,
            tokens=tokens,
            salt=run.id,
            extensions=extensions,
            use_max_completion_tokens=config.use_max_completion_tokens,
            extra=config.extra_body,
        )
        headers = {
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",  # compression buffers streams
            "Content-Type": "application/json",
            "User-Agent": config.user_agent,
            "X-Request-Id": f"neevprobe-{run.id}",
            **run.credential.headers(),
        }
        url = completions_url(run.url)
        return Request(url=url, headers=headers, body=build_body(draft))

    def _conversation(self, run: Run) -> Conversation:
        deadlines = self._config.deadlines
        patience = min(PATIENCE * (run.memory.ttft_seconds or 0.0), deadlines.first_token)
        keep = run.profile.keep_connection
        return Conversation(
            session=self.sessions.kept() if keep else self.sessions.fresh(),
            clock=self._clock,
            limits=self._limits,
            headers_seconds=max(deadlines.headers, patience),
            sampler=self._sampler,
            keep=keep,
        )
