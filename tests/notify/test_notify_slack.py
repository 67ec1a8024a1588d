"""Slack by webhook and by bot, within Slack's documented limits."""

import pytest
from helpers_notify import EPOCH, Fault, Sink, change_row, message, opened, parts, put, row, serving
from helpers_services import BOT_TOKEN, CHANNEL, Slack, block_fault
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.clock import SystemClock
from autoscaler.core.model import Json
from autoscaler.core.notification import Notification
from autoscaler.notify.config import SlackBotConfig, SlackWebhookConfig
from autoscaler.notify.http import Http
from autoscaler.notify.receiver import Attempt, FailureKind, NotDelivered
from autoscaler.notify.slack import SlackWebhookReceiver
from autoscaler.notify.slack_blocks import escape, slack_message
from autoscaler.notify.slack_bot import SlackBotReceiver


async def by_webhook(sink: Sink, told: Notification) -> None:
    http = Http(SystemClock())
    try:
        config = SlackWebhookConfig(name="chat", url=lambda: sink.url + "/services/T0/B0/secret")
        await SlackWebhookReceiver(config, http).send(Attempt(row=told, at=EPOCH))
    finally:
        await http.close()


async def by_bot(
    sink: Sink, told: Notification, notes: list[Json], token: str = BOT_TOKEN
) -> dict[str, Json]:
    http = Http(SystemClock())
    try:
        config = SlackBotConfig(name="chat", token=lambda: token, channel=CHANNEL, url=sink.url)
        attempt = Attempt(row=told, at=EPOCH, notes=notes)
        return await SlackBotReceiver(config, http).send(attempt)
    finally:
        await http.close()


async def test_a_webhook_gets_blocks_and_a_fallback_text() -> None:
    service = Slack()
    async with serving(Sink(rule=service)) as sink:
        await by_webhook(sink, row())
        await by_webhook(sink, change_row())
    first, change = service.messages.values()
    assert first["text"] == "[critical] chat-a: the deployment has failed"
    assert first["attachments"][0]["color"] == "#e01e5a"
    assert "2 → 4 replicas" in change["text"]


@pytest.mark.parametrize(
    ("fault", "permanent"),
    [
        (Fault(status=400, text="invalid_blocks"), True),
        (Fault(status=403, text="action_prohibited"), True),
        (Fault(status=404, text="no_service"), True),
        (Fault(status=410, text="channel_is_archived"), True),
        (Fault(status=429, headers={"Retry-After": "7"}), False),
        (Fault(status=500, text="rollup_error"), False),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
async def test_a_webhooks_refusals_are_for_good_but_5xx_and_429(
    fault: Fault,
    permanent: bool,  # noqa: FBT001  # a column of the table
) -> None:
    async with serving(Sink(always=fault)) as sink:
        with pytest.raises(NotDelivered) as caught:
            await by_webhook(sink, row())
    assert caught.value.permanent is permanent
    assert caught.value.retry_after == (7.0 if fault.status == 429 else None)


async def test_a_bot_edits_its_first_message_and_replies_in_its_thread() -> None:
    service = Slack()
    async with serving(Sink(rule=service)) as sink:
        note = await by_bot(sink, row(), [])
        await by_bot(sink, row("reminder"), [note])
        await by_bot(sink, row("resolve"), [note])
    [(ts, last)] = service.messages.items()
    assert note["ts"] == ts
    assert last["text"] == "[resolved] chat-a: the deployment has failed"
    assert last["attachments"][0]["color"] == "#2eb67d"
    texts = [reply["text"] for reply in service.threads[ts]]
    assert [text.split("]")[0] for text in texts] == ["[still critical", "[resolved"]


async def test_a_long_answer_still_gives_the_messages_id() -> None:
    """Slack sends the whole message back; only 4 KiB of it are read."""
    async with serving(Sink(rule=Slack(padding=20_000))) as sink:
        note = await by_bot(sink, row(), [])
    assert str(note["ts"]).startswith("17000")


async def test_an_edit_that_slack_no_longer_allows_keeps_the_end_in_the_thread() -> None:
    service = Slack()
    async with serving(Sink(rule=service)) as sink:
        note = await by_bot(sink, row(), [])
        answer = Fault(status=200, text='{"ok":false,"error":"edit_window_closed"}')
        sink.faults = [answer]
        await by_bot(sink, row("resolve"), [note])
    assert len(service.threads[str(note["ts"])]) == 1


@pytest.mark.parametrize(
    ("error", "kind", "permanent"),
    [
        ("channel_not_found", FailureKind.CLIENT_ERROR, True),
        ("invalid_auth", FailureKind.AUTH, False),
        ("ratelimited", FailureKind.RATE_LIMITED, False),
        ("internal_error", FailureKind.SERVER_ERROR, False),
    ],
)
async def test_a_bots_refusals_come_with_200(
    error: str,
    kind: FailureKind,
    permanent: bool,  # noqa: FBT001  # a column of the table
) -> None:
    fault = Fault(status=200, text=f'{{"ok":false,"error":"{error}"}}')
    async with serving(Sink(always=fault)) as sink:
        with pytest.raises(NotDelivered, match=error) as caught:
            await by_bot(sink, row(), [])
    assert (caught.value.kind, caught.value.permanent) == (kind, permanent)


async def test_an_answer_that_is_no_json_is_tried_again() -> None:
    async with serving(Sink(always=Fault(status=200, text="<html>"))) as sink:
        with pytest.raises(NotDelivered) as caught:
            await by_bot(sink, row(), [])
    assert not caught.value.permanent


async def test_the_note_survives_in_the_store_between_trigger_and_end() -> None:
    service, seams = Slack(), parts()
    http = Http(seams.clock)
    async with serving(Sink(rule=service)) as sink:
        config = SlackBotConfig(name="hook", token=lambda: BOT_TOKEN, channel=CHANNEL, url=sink.url)
        for event in ("trigger", "resolve"):
            async with opened([SlackBotReceiver(config, http)], seams, http) as restarted:
                put(seams.store, row(event, at=seams.clock.now()))
                await restarted.send_due()
                await restarted.drain()
    assert len(service.messages) == 1
    assert next(iter(service.messages.values()))["text"].startswith("[resolved]")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    summary=st.text(min_size=1, max_size=400),
    description=st.text(max_size=5000),
    evidence=st.dictionaries(st.text(min_size=1, max_size=80), st.text(max_size=4000), max_size=20),
)
def test_no_text_is_ever_too_long_for_slack(
    summary: str, description: str, evidence: dict[str, str]
) -> None:
    told = message(summary=summary, description=description, evidence=evidence)
    assert block_fault(slack_message(told)) == ""


def test_control_sequences_are_escaped() -> None:
    assert escape("<!channel> & co") == "&lt;!channel&gt; &amp; co"
