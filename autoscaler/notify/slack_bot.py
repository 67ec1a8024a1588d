"""Slack by a bot: the end of an alert turns its first message green and is said in its thread.

Slack answers 200 to refusals too; what counts is `ok` in the body. The id of the first message is
kept as the row's note, so that an end days later, from another process, still finds it.
"""

import json
from collections.abc import Sequence
from typing import cast

from autoscaler.core.model import Json
from autoscaler.notify.config import SlackBotConfig
from autoscaler.notify.http import Http, Reply, ask
from autoscaler.notify.receiver import Attempt, FailureKind, NotDelivered
from autoscaler.notify.slack import slack_body

_AUTH = {"invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive"}
_PASSING = {
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
}
_UNEDITABLE = {"message_not_found", "cant_update_message", "edit_window_closed"}
"""Answers to an edit after which the end is told in the thread alone."""


class SlackBotReceiver:
    """Posts as a bot into one channel."""

    kind = "slack"
    collapses = True

    def __init__(self, config: SlackBotConfig, http: Http) -> None:
        self._config = config
        self._http = http

    @property
    def name(self) -> str:
        """Name that routes and metrics use."""
        return self._config.name

    async def send(self, attempt: Attempt) -> dict[str, Json]:
        """Post, or edit and reply. Returns channel and id of a new message as the note."""
        first = _first_message(attempt.notes)
        body = slack_body(attempt)
        if first is None:
            return await self._post(body)
        if attempt.row.event == "resolve":
            await self._edit(body, first)
        await self._post({**body, "thread_ts": first["ts"]}, channel=first["channel"])
        return {}

    async def _edit(self, body: dict[str, Json], first: dict[str, str]) -> None:
        """Turn the first message into the last; a message that cannot be edited stays as it is."""
        answer = await self._call("chat.update", {**body, **first})
        if answer.get("ok") is not True and answer.get("error") not in _UNEDITABLE:
            raise _refusal(answer)

    async def _post(self, body: dict[str, Json], *, channel: str | None = None) -> dict[str, Json]:
        target = channel or self._config.channel
        answer = await self._call("chat.postMessage", {**body, "channel": target})
        if answer.get("ok") is not True:
            raise _refusal(answer)
        return {"channel": answer.get("channel", target), "ts": answer.get("ts")}

    async def _call(self, method: str, body: dict[str, Json]) -> dict[str, Json]:
        reply = await self._http.post(
            f"{self._config.url.rstrip('/')}/{method}",
            json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "Authorization": f"Bearer {ask(self._config.token)}",
            },
            options=self._config.http,
        )
        if not reply.ok:
            raise reply.refusal()
        return _parse(reply)


def _parse(reply: Reply) -> dict[str, Json]:
    """Return the answer. One longer than what is read of it still begins with `ok`, `ts`."""
    try:
        answer = json.loads(reply.text)
    except ValueError:
        answer = _parse_head(reply.text)
    if not isinstance(answer, dict):
        raise NotDelivered(FailureKind.SERVER_ERROR, f"answered no JSON object: {reply.text}")
    return cast("dict[str, Json]", answer)


def _parse_head(text: str) -> Json:
    """Return the members that stand before `message`, the long one, in Slack's answers."""
    head, found, _ = text.partition(',"message":')
    if not found:
        return None
    try:
        return cast("Json", json.loads(head + "}"))
    except ValueError:
        return None


def _refusal(answer: dict[str, Json]) -> NotDelivered:
    error = str(answer.get("error", "unknown_error"))
    text = f"Slack says {error}"
    if error in {"ratelimited", "rate_limited", "message_limit_exceeded"}:
        return NotDelivered(FailureKind.RATE_LIMITED, text, retry_after=60.0)
    if error in _PASSING:
        return NotDelivered(FailureKind.SERVER_ERROR, text)
    if error in _AUTH:
        # The token is read anew at the next try: a rotated one cures this.
        return NotDelivered(FailureKind.AUTH, text)
    return NotDelivered(FailureKind.CLIENT_ERROR, text, permanent=True)


def _first_message(notes: Sequence[Json]) -> dict[str, str] | None:
    for note in notes:
        if isinstance(note, dict) and note.get("ts"):
            return {"channel": str(note.get("channel")), "ts": str(note["ts"])}
    return None
