"""Slack by an incoming webhook: one message per event; it can neither edit nor thread."""

import json
from http import HTTPStatus

from autoscaler.core.alerting.messages import read_alert, read_change
from autoscaler.core.model import Json
from autoscaler.notify.config import SlackWebhookConfig
from autoscaler.notify.http import Http, ask
from autoscaler.notify.receiver import Attempt, FailureKind, NotDelivered
from autoscaler.notify.slack_blocks import escape, slack_message
from autoscaler.notify.text import change_text


class SlackWebhookReceiver:
    """Posts to one webhook of Slack."""

    kind = "slack"
    collapses = True

    def __init__(self, config: SlackWebhookConfig, http: Http) -> None:
        self._config = config
        self._http = http

    @property
    def name(self) -> str:
        """Name that routes and metrics use."""
        return self._config.name

    async def send(self, attempt: Attempt) -> dict[str, Json]:
        """Post one row. All refusals but 5xx and 429 are for good (Slack's documentation)."""
        reply = await self._http.post(
            ask(self._config.url),
            json.dumps(slack_body(attempt)).encode(),
            headers={"Content-Type": "application/json"},
            options=self._config.http,
        )
        if reply.ok:
            return {}
        if reply.status in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}:
            text = f"answered {reply.status}: {reply.text}"
            raise NotDelivered(FailureKind.AUTH, text, permanent=True)
        raise reply.refusal()


def slack_body(attempt: Attempt) -> dict[str, Json]:
    """Return the message of a row, for webhook and bot alike."""
    if attempt.row.event == "change":
        return {"text": escape(change_text(read_change(attempt.row.payload)))}
    return slack_message(read_alert(attempt.row.payload), collapsed=attempt.collapsed)
