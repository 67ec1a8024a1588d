"""A generic webhook, in Alertmanager's shape or ours, signed by Standard Webhooks.

The body is serialised once, those bytes are signed and those bytes are sent. `webhook-id` follows
from the row's key and stays the same over retries, so that a receiver can drop repeats; during a
rotation both keys sign.
"""

import base64
import binascii
import json
from datetime import UTC, datetime
from http import HTTPStatus

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from autoscaler.core.alerting.messages import read_alert, read_change
from autoscaler.core.model import Json
from autoscaler.notify.config import Secret, WebhookConfig
from autoscaler.notify.http import Http, ask
from autoscaler.notify.receiver import Attempt, FailureKind, NotDelivered
from autoscaler.notify.shapes import alertmanager_body, change_body, neev_body

BODY_LIMIT = 20_000
"""Bytes: Standard Webhooks asks for less than 20 kB."""


class WebhookReceiver:
    """Posts to one URL."""

    kind = "webhook"
    collapses = True

    def __init__(self, config: WebhookConfig, http: Http) -> None:
        self._config = config
        self._http = http

    @property
    def name(self) -> str:
        """Name that routes and metrics use."""
        return self._config.name

    async def send(self, attempt: Attempt) -> dict[str, Json]:
        """Post one row. Raises NotDelivered; 410 means that the URL is no longer wanted."""
        body = json.dumps(self._body(attempt), ensure_ascii=False).encode()
        headers = {
            **self._config.headers,
            "Content-Type": "application/json",
            **self._signature(body, attempt),
        }
        reply = await self._http.post(
            ask(self._config.url), body, headers=headers, options=self._config.http
        )
        if reply.status == HTTPStatus.GONE:
            raise NotDelivered(
                FailureKind.CLIENT_ERROR,
                "answered 410: this URL wants no more notifications; remove the receiver",
                permanent=True,
            )
        if not reply.ok:
            raise reply.refusal()
        return {}

    def _body(self, attempt: Attempt) -> dict[str, Json]:
        if attempt.row.event == "change":
            return change_body(read_change(attempt.row.payload), attempt)
        message = read_alert(attempt.row.payload)
        if self._config.shape == "neev.v1":
            return neev_body(message, attempt)
        return alertmanager_body(message, attempt)

    def _signature(self, body: bytes, attempt: Attempt) -> dict[str, str]:
        """Return the three headers of Standard Webhooks; only the id where there is no key."""
        identity = "msg_" + attempt.row.key.replace(".", "_")
        keys = [self._config.signing_secret, self._config.previous_signing_secret]
        secrets = [key for key in keys if key is not None]
        if not secrets:
            return {"webhook-id": identity}
        now = datetime.fromtimestamp(int(attempt.at), UTC)
        signatures = [sign(secret, identity, now, body) for secret in secrets]
        return {
            "webhook-id": identity,
            "webhook-timestamp": str(int(attempt.at)),
            "webhook-signature": " ".join(signatures),
        }


def sign(secret: Secret, identity: str, now: datetime, body: bytes) -> str:
    """Return one `v1,…` signature. Raises NotDelivered if the key is none."""
    text = ask(secret)
    try:
        base64.b64decode(text.removeprefix("whsec_"), validate=True)
        return str(Webhook(text).sign(identity, now, body.decode()))
    except (binascii.Error, EmptyWebhookSecretError) as fault:
        raise NotDelivered(
            FailureKind.AUTH, "the signing secret is no base64 text after whsec_"
        ) from fault
