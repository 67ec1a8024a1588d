"""From configuration to receivers, and what `alerts test` sends."""

import pytest
import structlog
from helpers_notify import RULES, Fault, Sink, change_row, parts, put, row, serving
from structlog.testing import capture_logs

from autoscaler.core.snapshot import Severity
from autoscaler.notify.build import build_outbox
from autoscaler.notify.config import (
    AlertmanagerConfig,
    AppriseConfig,
    ExecConfig,
    LogConfig,
    PagerdutyConfig,
    ReceiverConfig,
    SlackBotConfig,
    SlackWebhookConfig,
    SmtpConfig,
    WebhookConfig,
)
from autoscaler.notify.log_receiver import LogReceiver
from autoscaler.notify.receiver import Attempt

EVERY: tuple[ReceiverConfig, ...] = (
    AlertmanagerConfig(name="am", urls=("http://127.0.0.1:1",)),
    WebhookConfig(name="hook", url=lambda: "http://127.0.0.1:1"),
    PagerdutyConfig(name="pager", routing_key=lambda: "R" * 32),
    SlackWebhookConfig(name="chat", url=lambda: "http://127.0.0.1:1"),
    SlackBotConfig(name="bot", token=lambda: "xoxb", channel="C1"),
    SmtpConfig(name="mail", host="127.0.0.1", sender="a@example.com", to=("b@example.com",)),
    ExecConfig(name="program", command=("/bin/true",)),
    AppriseConfig(name="tail", url=lambda: "json://127.0.0.1:1"),
)


async def test_each_kind_is_built_and_the_log_is_always_there() -> None:
    outbox = build_outbox(EVERY, parts(), rules=RULES)
    kinds = {view.name: view.kind for view in outbox.receivers()}
    await outbox.close()
    assert kinds == {
        "am": "alertmanager",
        "hook": "webhook",
        "pager": "pagerduty",
        "chat": "slack",
        "bot": "slack",
        "mail": "smtp",
        "program": "exec",
        "tail": "apprise",
        "log": "log",
    }


@pytest.mark.parametrize(("event", "status"), [("trigger", "firing"), ("resolve", "resolved")])
async def test_a_test_reaches_the_receiver_past_the_queue(event: str, status: str) -> None:
    async with serving(Sink()) as sink:
        config = WebhookConfig(name="hook", url=lambda: sink.url)
        outbox = build_outbox([config], parts(), rules=RULES)
        answers = await outbox.test("hook", event)
        await outbox.close()
    assert answers == [{"receiver": "hook", "kind": "webhook", "ok": True, "detail": "taken"}]
    assert sink.taken[0].json["status"] == status
    assert sink.taken[0].json["alerts"][0]["labels"]["alertname"] == "NeevTest"


async def test_a_test_says_why_a_receiver_refuses() -> None:
    async with serving(Sink(always=Fault(status=403, text="no"))) as sink:
        config = WebhookConfig(name="hook", url=lambda: sink.url)
        outbox = build_outbox([config], parts(), rules=RULES)
        answers = await outbox.test(None, "trigger")
        await outbox.close()
    by_name = {answer["receiver"]: answer for answer in answers}
    assert by_name["hook"]["ok"] is False
    assert "403" in str(by_name["hook"]["detail"])
    assert by_name["log"]["ok"] is True


async def test_views_tell_how_old_the_oldest_critical_row_is() -> None:
    seams = parts()
    put(
        seams.store,
        row(at=100.0, severity=Severity.WARNING, deployment="chat-b"),
        row(at=200.0),
        row(at=300.0, receiver="unknown"),
    )
    outbox = build_outbox([EVERY[1]], seams, rules=RULES)
    view = next(view for view in outbox.receivers() if view.name == "hook")
    await outbox.close()
    assert (view.queued, view.oldest_at, view.oldest_critical_at) == (2, 100.0, 200.0)


@pytest.mark.parametrize(
    ("severity", "event", "level"),
    [
        (Severity.CRITICAL, "trigger", "error"),
        (Severity.WARNING, "trigger", "warning"),
        (Severity.INFO, "trigger", "info"),
        (Severity.CRITICAL, "resolve", "info"),
    ],
)
async def test_the_log_is_as_loud_as_the_alert(severity: Severity, event: str, level: str) -> None:
    structlog.reset_defaults()
    with capture_logs() as lines:
        attempt = Attempt(row=row(event, severity=severity), at=0.0)
        await LogReceiver(LogConfig()).send(attempt)
        await LogReceiver(LogConfig()).send(Attempt(row=change_row(), at=0.0))
    assert [line["log_level"] for line in lines] == [level, "info"]
    assert lines[0]["deployment"] == "chat-a"
