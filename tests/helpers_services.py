"""Sinks that enforce what PagerDuty and Slack document of their APIs."""

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from helpers_notify import Seen

ROUTING_KEY = "R" * 32
BOT_TOKEN = "xoxb-1-2-three"
CHANNEL = "C024BE91L"


@dataclass
class PagerDuty:
    """Events API v2: validates, and keeps the incidents and changes that come of events."""

    open: dict[str, int] = field(default_factory=dict)
    """Dedup key to the number of triggers of the open incident."""
    opened: list[str] = field(default_factory=list)
    """Dedup key of every incident that was ever opened."""
    resolved: list[str] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, seen: Seen) -> web.Response:
        if len(seen.body) > 512_000:
            return self._invalid("Event object exceeds the maximum size", status=413)
        event = seen.json
        if seen.path == "/v2/change/enqueue":
            return self._change(event)
        faults = self._faults(event)
        if seen.path != "/v2/enqueue" or faults:
            return self._invalid(*faults)
        key, action = event["dedup_key"], event["event_action"]
        if action == "trigger":
            if key not in self.open:
                self.opened.append(key)
            self.open[key] = self.open.get(key, 0) + 1
        elif self.open.pop(key, None) is not None:
            self.resolved.append(key)
        answer = {"status": "success", "message": "Event processed", "dedup_key": key}
        return web.json_response(answer, status=202)

    def _change(self, event: dict[str, Any]) -> web.Response:
        payload = event.get("payload", {})
        if event.get("routing_key") != ROUTING_KEY or not payload.get("summary"):
            return self._invalid("summary is required")
        self.changes.append(payload)
        return web.json_response({"status": "success"}, status=202)

    def _faults(self, event: dict[str, Any]) -> list[str]:
        faults = []
        if event.get("routing_key") != ROUTING_KEY:
            faults.append("Invalid routing key")
        if event.get("event_action") not in {"trigger", "acknowledge", "resolve"}:
            faults.append("event_action is invalid")
        if not 0 < len(event.get("dedup_key", "")) <= 255:
            faults.append("dedup_key is invalid")
        if event.get("event_action") == "trigger":
            payload = event.get("payload", {})
            if not 0 < len(payload.get("summary", "")) <= 1024:
                faults.append("summary is invalid")
            if not payload.get("source"):
                faults.append("source is required")
            if payload.get("severity") not in {"critical", "error", "warning", "info"}:
                faults.append("severity is invalid")
        return faults

    @staticmethod
    def _invalid(*faults: str, status: int = 400) -> web.Response:
        body = {"status": "invalid event", "message": "Event object is invalid", "errors": faults}
        return web.json_response(body, status=status)


@dataclass
class Slack:
    """Incoming webhook and Web API: validates blocks, keeps messages, edits and threads."""

    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """ts to the message as it stands now."""
    threads: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    padding: int = 0
    """Extra characters in answers: real ones carry the whole message."""

    def __call__(self, seen: Seen) -> web.Response:
        body = json.loads(seen.body)
        fault = block_fault(body)
        if seen.path.startswith("/services/"):
            if fault:
                return web.Response(status=400, text=fault)
            self.messages[f"{len(self.messages)}.0"] = body
            return web.Response(text="ok")
        if seen.headers.get("Authorization") != f"Bearer {BOT_TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if fault or body.get("channel") != CHANNEL:
            return web.json_response({"ok": False, "error": fault or "channel_not_found"})
        if seen.path == "/chat.update":
            return self._update(body)
        return self._post(body)

    def _post(self, body: dict[str, Any]) -> web.Response:
        ts = f"17000{len(self.messages) + sum(map(len, self.threads.values()))}.000100"
        if "thread_ts" in body:
            if body["thread_ts"] not in self.messages:
                return web.json_response({"ok": False, "error": "thread_not_found"})
            self.threads.setdefault(body["thread_ts"], []).append(body)
        else:
            self.messages[ts] = body
        message = {"text": body["text"], "padding": "x" * self.padding}
        answer = {"ok": True, "channel": CHANNEL, "ts": ts, "message": message}
        return web.Response(text=json.dumps(answer, separators=(",", ":")))

    def _update(self, body: dict[str, Any]) -> web.Response:
        if body.get("ts") not in self.messages:
            return web.json_response({"ok": False, "error": "message_not_found"})
        self.messages[body["ts"]] = body
        return web.json_response({"ok": True, "channel": CHANNEL, "ts": body["ts"]})


def block_fault(body: dict[str, Any]) -> str:
    """What Slack's documented limits refuse in a message; empty if nothing."""
    if not body.get("text"):
        return "no_text"
    blocks = [block for part in body.get("attachments", []) for block in part.get("blocks", [])]
    if len(blocks) > 50:
        return "invalid_blocks"
    for block in blocks:
        text = block.get("text", {}).get("text", "x")
        limit = 150 if block["type"] == "header" else 3000
        fields = block.get("fields", [])
        if not 0 < len(text) <= limit or len(fields) > 10:
            return "invalid_blocks"
        if any(not 0 < len(part["text"]) <= 2000 for part in fields):
            return "invalid_blocks"
    return ""
