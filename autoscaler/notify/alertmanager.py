"""Alertmanager, API v2: every replica is told, and told again, as Prometheus does it.

Alertmanager forgets an alert whose end has passed, so what fires is repeated each minute with an
end four repeats ahead (Prometheus: "allow for two failures"), and what is over is repeated for 15
minutes with its true end. Labels are constant for an episode; if its severity rises, the old labels
are ended in the same post. On shutdown nothing is resolved: the end given last is far enough.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Sequence

from autoscaler.core.alerting.messages import AlertMessage, read_alert
from autoscaler.core.model import Json
from autoscaler.notify.config import AlertmanagerConfig
from autoscaler.notify.http import Http, ask
from autoscaler.notify.receiver import Attempt, NotDelivered
from autoscaler.notify.shapes import annotations_of, generator_url, labels_of
from autoscaler.notify.text import iso

ENDS_AFTER_RESENDS = 4
"""Repeats that may be lost before Alertmanager takes an alert for over."""
SHORTEST_END_SECONDS = 600.0
"""An alert given last survives a restart of ours of up to 10 minutes."""
RESEND_RESOLVED_SECONDS = 900.0
"""How long an end is repeated (Prometheus: 15 min)."""
BATCH = 64
"""Alerts in one post (Prometheus: 64)."""


class AlertmanagerReceiver:
    """Posts to all replicas of one Alertmanager."""

    kind = "alertmanager"
    collapses = False

    def __init__(self, config: AlertmanagerConfig, http: Http) -> None:
        self._config = config
        self._http = http

    @property
    def name(self) -> str:
        """Name that routes and metrics use."""
        return self._config.name

    @property
    def reconcile_seconds(self) -> float:
        """Between two repeats of what fires."""
        return self._config.resend_seconds

    async def send(self, attempt: Attempt) -> dict[str, Json]:
        """Post one row to every replica; one that takes it is enough, repeats reach the others."""
        message = read_alert(attempt.row.payload)
        entries = [self._entry(message, attempt.at)]
        before = message.previous_severity
        if before is not None:
            labels = labels_of(message, severity=before)
            entries.append({**entries[0], "labels": dict(labels), "endsAt": iso(attempt.at)})
        await self._post(entries)
        return {}

    async def reconcile(self, told: Sequence[AlertMessage], at: float) -> None:
        """Repeat what fires, and what ended within 15 minutes. Raises NotDelivered.

        A refused batch (400) stops no other: its valid alerts were stored all the same.
        """
        entries = [
            self._entry(message, at)
            for message in told
            if at - (message.alert.resolved_at or at) <= RESEND_RESOLVED_SECONDS
        ]
        refused: NotDelivered | None = None
        for start in range(0, len(entries), BATCH):
            try:
                await self._post(entries[start : start + BATCH])
            except NotDelivered as fault:
                if not fault.permanent:
                    raise
                refused = fault
        if refused is not None:
            raise refused

    def _entry(self, message: AlertMessage, at: float) -> dict[str, Json]:
        alert = message.alert
        ahead = max(ENDS_AFTER_RESENDS * self._config.resend_seconds, SHORTEST_END_SECONDS)
        ends_at = at + ahead if alert.resolved_at is None else min(alert.resolved_at, at)
        starts_at = alert.fired_at if alert.fired_at is not None else alert.started_at
        return {
            "labels": dict(labels_of(message)),
            "annotations": dict(annotations_of(message)),
            "startsAt": iso(starts_at),
            "endsAt": iso(max(ends_at, starts_at + 0.001)),
            "generatorURL": generator_url(message),
        }

    async def _post(self, entries: Sequence[dict[str, Json]]) -> None:
        body = json.dumps(list(entries)).encode()
        outcomes = await asyncio.gather(
            *(self._post_one(url, body) for url in self._config.urls), return_exceptions=True
        )
        faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if len(faults) < len(outcomes):
            return
        # A passing fault of one replica outweighs a lasting one of another: try all again.
        passing = [
            fault for fault in faults if not (isinstance(fault, NotDelivered) and fault.permanent)
        ]
        raise (passing or faults)[0]

    async def _post_one(self, url: str, body: bytes) -> None:
        reply = await self._http.post(
            url.rstrip("/") + "/api/v2/alerts",
            body,
            headers={"Content-Type": "application/json", **self._login()},
            options=self._config.http,
        )
        if not reply.ok:
            raise reply.refusal()

    def _login(self) -> dict[str, str]:
        if self._config.bearer_token is not None:
            return {"Authorization": f"Bearer {ask(self._config.bearer_token)}"}
        if self._config.username is None or self._config.password is None:
            return {}
        pair = f"{self._config.username}:{ask(self._config.password)}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
