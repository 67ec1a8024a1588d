"""The generic webhook: both shapes, Standard Webhooks signatures, wrong certificates, secrets."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from helpers_notify import (
    Fault,
    Sink,
    change_row,
    row,
    serving,
)
from helpers_tls import certificates
from standardwebhooks import Webhook

from autoscaler.clock import SystemClock
from autoscaler.notify.config import HttpOptions, WebhookConfig
from autoscaler.notify.http import Http, SafeResolver
from autoscaler.notify.receiver import Attempt, FailureKind, NotDelivered
from autoscaler.notify.webhook import WebhookReceiver, sign

NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "whsec_" + "b2xkLXNpZ25pbmcta2V5LXRoYXQtcmV0aXJlcw=="


async def post(config: WebhookConfig, event: str = "trigger", **attempt: object) -> None:
    http = Http(SystemClock())
    now = SystemClock().now()
    try:
        told = change_row() if event == "change" else row(event)
        await WebhookReceiver(config, http).send(Attempt(row=told, at=now, **attempt))  # type: ignore[arg-type]  # shorthand
    finally:
        await http.close()


async def test_the_body_reads_as_alertmanagers() -> None:
    async with serving(Sink()) as sink:
        await post(WebhookConfig(name="hook", url=lambda: sink.url))
    body = sink.taken[0].json
    assert body["version"] == "4"
    assert body["status"] == "firing"
    assert body["receiver"] == "hook"
    [alert] = body["alerts"]
    assert alert["labels"]["alertname"] == "NeevDeploymentFailed"
    assert alert["annotations"]["runbook_url"].endswith("NeevDeploymentFailed.md")
    assert alert["endsAt"].startswith("0001")
    assert alert["fingerprint"]


async def test_the_end_carries_its_instant() -> None:
    async with serving(Sink()) as sink:
        await post(WebhookConfig(name="hook", url=lambda: sink.url), "resolve")
    assert sink.taken[0].json["alerts"][0]["endsAt"] == "2027-01-15T08:01:30.000Z"


async def test_our_own_shape_carries_the_whole_alert() -> None:
    async with serving(Sink()) as sink:
        await post(WebhookConfig(name="hook", url=lambda: sink.url, shape="neev.v1"))
    body = sink.taken[0].json
    assert body["type"] == "alert.firing"
    assert body["data"]["alert"]["evidence"]["probe_id"] == "pr-1"
    assert len(sink.taken[0].body) < 20_000


async def test_a_change_is_told_in_our_own_shape() -> None:
    async with serving(Sink()) as sink:
        await post(WebhookConfig(name="hook", url=lambda: sink.url), "change")
    assert sink.taken[0].json["type"] == "deployment.scaled"


def test_the_signature_is_that_of_the_published_vector() -> None:
    now = datetime.fromtimestamp(1614265330, UTC)
    body = b'{"test": 2432232314}'
    signature = sign(lambda: NEW, "msg_p5jXN8AQM9LWM0D4loKWxJek", now, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("key", [NEW, OLD])
async def test_during_a_rotation_either_key_verifies(key: str) -> None:
    async with serving(Sink()) as sink:
        config = WebhookConfig(
            name="hook",
            url=lambda: sink.url,
            signing_secret=lambda: NEW,
            previous_signing_secret=lambda: OLD,
        )
        await post(config)
    seen = sink.taken[0]
    headers = {name.lower(): value for name, value in seen.headers.items()}
    Webhook(key).verify(seen.body, headers)
    assert "." not in headers["webhook-id"]


async def test_a_signing_key_that_is_none_is_said_and_not_shown() -> None:
    config = WebhookConfig(
        name="hook", url=lambda: "http://127.0.0.1:1", signing_secret=lambda: "whsec_!!secret!!"
    )
    with pytest.raises(NotDelivered, match="base64") as caught:
        await post(config)
    assert "!!secret!!" not in str(caught.value)


async def test_a_secret_file_is_read_anew_at_each_send(tmp_path: Path) -> None:
    async with serving(Sink()) as sink:
        file = tmp_path / "url"
        file.write_text("http://127.0.0.1:1/")
        config = WebhookConfig(name="hook", url=file.read_text)
        with pytest.raises(NotDelivered):
            await post(config)
        file.write_text(sink.url)
        await post(config)
        file.unlink()
        with pytest.raises(NotDelivered, match="secret cannot be read") as caught:
            await post(config)
    assert not caught.value.permanent
    assert len(sink.taken) == 1


async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    server, ca_file = certificates(tmp_path)
    async with serving(Sink(), ssl_context=server) as sink:
        with pytest.raises(NotDelivered) as caught:
            await post(WebhookConfig(name="hook", url=lambda: sink.url))
        assert caught.value.kind is FailureKind.NETWORK
        assert sink.url.rpartition(":")[2] not in str(caught.value)
        trusting = HttpOptions(ca_file=str(ca_file))
        await post(WebhookConfig(name="hook", url=lambda: sink.url, http=trusting))
    assert len(sink.taken) == 1


async def test_plain_http_to_another_host_is_refused_unless_wanted() -> None:
    with pytest.raises(NotDelivered, match="https") as caught:
        await post(WebhookConfig(name="hook", url=lambda: "http://hooks.example/secret-path"))
    assert caught.value.permanent
    assert "secret-path" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind", "permanent"),
    [
        (Fault(status=400), FailureKind.CLIENT_ERROR, True),
        (Fault(status=401), FailureKind.AUTH, False),
        (Fault(status=404), FailureKind.CLIENT_ERROR, True),
        (Fault(status=408), FailureKind.CLIENT_ERROR, False),
        (Fault(status=425), FailureKind.CLIENT_ERROR, False),
        (Fault(status=429), FailureKind.RATE_LIMITED, False),
        (Fault(status=500), FailureKind.SERVER_ERROR, False),
        (Fault(status=301), FailureKind.CLIENT_ERROR, False),
        (Fault(how="reset"), FailureKind.NETWORK, False),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
async def test_a_refusal_is_read_exactly(
    fault: Fault,
    kind: FailureKind,
    permanent: bool,  # noqa: FBT001  # a column of the table
) -> None:
    async with serving(Sink(always=fault)) as sink:
        with pytest.raises(NotDelivered) as caught:
            await post(WebhookConfig(name="hook", url=lambda: sink.url))
    assert (caught.value.kind, caught.value.permanent) == (kind, permanent)


async def test_an_endless_answer_is_read_to_its_limit_only() -> None:
    async with serving(Sink(always=Fault(status=500, text="x" * 1_000_000))) as sink:
        with pytest.raises(NotDelivered) as caught:
            await post(WebhookConfig(name="hook", url=lambda: sink.url))
    assert len(str(caught.value)) <= 256


async def test_nothing_that_is_logged_or_shown_holds_the_url(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(Sink(always=Fault(status=500))) as sink:
        config = WebhookConfig(name="hook", url=lambda: sink.url + "/T000/B000/very-secret")
        with pytest.raises(NotDelivered) as caught:
            await post(config)
    assert "very-secret" not in str(caught.value) + repr(config)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.1.1/",
        "https://[fe80::1]/",
        "https://[::ffff:169.254.169.254]/",
    ],
)
async def test_link_local_addresses_are_never_spoken_to(url: str) -> None:
    config = WebhookConfig(name="hook", url=lambda: url, http=HttpOptions(allow_http=True))
    with pytest.raises(NotDelivered, match="link-local"):
        await post(config)


async def test_a_name_that_leads_to_a_link_local_address_is_refused() -> None:
    with pytest.raises(OSError, match="link-local"):
        await SafeResolver().resolve("169.254.169.254", 80)
    answers = await SafeResolver().resolve("127.0.0.1", 80)
    assert [answer["host"] for answer in answers] == ["127.0.0.1"]
