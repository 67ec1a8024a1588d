"""Mail through a real SMTP server: TLS required, threads, repeats, refusals per recipient."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from helpers_notify import EPOCH, change_row, opened, parts, put, row
from helpers_tls import certificates

from autoscaler.clock import run_virtual
from autoscaler.core.notification import Notification
from autoscaler.notify.config import SmtpConfig
from autoscaler.notify.receiver import Attempt, FailureKind, NotDelivered
from autoscaler.notify.smtp import SmtpReceiver

TO = ("ada@example.com", "bob@example.com")


@dataclass
class Mailbox:
    """What the server got, and which answers it gives instead."""

    mails: list[Envelope] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    on_data: str = ""
    port: int = 0

    async def handle_RCPT(  # noqa: N802, PLR0917  # aiosmtpd's signature
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, server: Any, session: Any, envelope: Envelope
    ) -> str:
        if self.on_data:
            return self.on_data
        self.mails.append(envelope)
        return "250 OK"

    def mail(self, index: int = 0) -> Message:
        content = self.mails[index].content
        assert isinstance(content, bytes)
        return message_from_bytes(content, policy=default)


def login(*arguments: Any) -> AuthResult:
    data = arguments[-1]
    good = isinstance(data, LoginPassword) and data.password == b"right"
    return AuthResult(success=good, handled=False)


@asynccontextmanager
async def mail_server(
    box: Mailbox, context: ssl.SSLContext | None, *, implicit: bool = False, **options: Any
) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    starttls = None if implicit else context
    talks: list[SMTP] = []

    def talk() -> SMTP:
        talks.append(SMTP(box, hostname="test", loop=loop, tls_context=starttls, **options))
        return talks[-1]

    server = await loop.create_server(
        talk,
        "127.0.0.1",
        0,
        ssl=context if implicit else None,
    )
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
        async with asyncio.timeout(2):  # the client must have hung up, whatever happened
            handlers = [one._handler_coroutine for one in talks if one._handler_coroutine]
            await asyncio.gather(*handlers, return_exceptions=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return certificates(tmp_path_factory.mktemp("tls"))


async def send(box: Mailbox, ca: Path | None, told: Notification, **changes: Any) -> None:
    config = SmtpConfig(
        name="mail",
        host="127.0.0.1",
        port=box.port,
        sender="neevscale@example.com",
        to=TO,
        ca_file=str(ca) if ca else None,
        timeout_seconds=5,
    )
    await SmtpReceiver(replace(config, **changes)).send(Attempt(row=told, at=EPOCH))


async def test_a_mail_goes_to_all_by_starttls(authority: tuple[ssl.SSLContext, Path]) -> None:
    box = Mailbox()
    async with mail_server(box, authority[0], require_starttls=True):
        await send(box, authority[1], row())
    assert tuple(box.mails[0].rcpt_tos) == TO
    mail = box.mail()
    assert mail["Subject"] == "[critical] chat-a: the deployment has failed"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Neev-Fingerprint"] == row().fingerprint
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


async def test_a_repeat_is_the_same_mail_and_an_episode_is_one_thread(
    authority: tuple[ssl.SSLContext, Path],
) -> None:
    box = Mailbox()
    async with mail_server(box, authority[0]):
        for told in (row(), row(), row("resolve")):
            await send(box, authority[1], told)
    ids = [box.mail(index)["Message-ID"] for index in range(3)]
    assert ids[0] == ids[1] != ids[2]
    assert len({box.mail(index)["References"] for index in range(3)}) == 1


async def test_without_starttls_nothing_is_sent(authority: tuple[ssl.SSLContext, Path]) -> None:
    box = Mailbox()
    async with mail_server(box, None):
        with pytest.raises(NotDelivered):
            await send(box, authority[1], row())
    assert box.mails == []


async def test_a_certificate_nobody_vouches_for_is_refused(
    authority: tuple[ssl.SSLContext, Path],
) -> None:
    box = Mailbox()
    async with mail_server(box, authority[0]):
        with pytest.raises(NotDelivered) as caught:
            await send(box, None, row())
    assert caught.value.kind is FailureKind.NETWORK
    assert box.mails == []


async def test_implicit_tls_works_too(authority: tuple[ssl.SSLContext, Path]) -> None:
    box = Mailbox()
    async with mail_server(box, authority[0], implicit=True):
        await send(box, authority[1], row(), tls="implicit")
    assert len(box.mails) == 1


async def test_a_wrong_password_is_tried_again_for_it_may_be_rotated(
    authority: tuple[ssl.SSLContext, Path],
) -> None:
    box = Mailbox()
    options: dict[str, Any] = {"authenticator": login, "auth_required": True}
    async with mail_server(box, authority[0], **options):
        with pytest.raises(NotDelivered) as caught:
            await send(box, authority[1], row(), username="ada", password=lambda: "wrong")
        await send(box, authority[1], row(), username="ada", password=lambda: "right")
    assert caught.value.kind is FailureKind.AUTH
    assert not caught.value.permanent
    assert "wrong" not in str(caught.value)
    assert len(box.mails) == 1


async def test_one_bad_address_does_not_keep_the_mail_from_the_others(
    authority: tuple[ssl.SSLContext, Path],
) -> None:
    box = Mailbox(refuse={TO[1]: "550 no such user"})
    async with mail_server(box, authority[0]):
        await send(box, authority[1], row())
    assert box.mails[0].rcpt_tos == [TO[0]]


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [("451 try again later", False), ("552 too much", True), ("554 transaction failed", True)],
)
async def test_4xx_is_tried_again_and_5xx_is_for_good(
    authority: tuple[ssl.SSLContext, Path],
    answer: str,
    permanent: bool,  # noqa: FBT001  # a column of the table
) -> None:
    box = Mailbox(on_data=answer)
    async with mail_server(box, authority[0]):
        with pytest.raises(NotDelivered, match=answer[:3]) as caught:
            await send(box, authority[1], row())
    assert caught.value.permanent is permanent


async def test_all_addresses_refused_for_good_is_a_dead_letter(
    authority: tuple[ssl.SSLContext, Path],
) -> None:
    box = Mailbox(refuse=dict.fromkeys(TO, "550 no such user"))
    async with mail_server(box, authority[0]):
        with pytest.raises(NotDelivered) as caught:
            await send(box, authority[1], row())
    assert caught.value.permanent


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    with pytest.raises(NotDelivered) as caught:
        await send(Mailbox(port=1), None, row())
    assert caught.value.kind is FailureKind.NETWORK


async def test_a_server_that_says_nothing_is_left_at_the_deadline() -> None:
    left = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        left.set()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    box = Mailbox(port=server.sockets[0].getsockname()[1])
    with pytest.raises(NotDelivered) as caught:
        await send(box, None, row(), timeout_seconds=0.1)
    assert caught.value.kind is FailureKind.TIMEOUT
    async with asyncio.timeout(2):
        await left.wait()
    server.close()
    await server.wait_closed()


async def test_a_change_is_a_short_mail(authority: tuple[ssl.SSLContext, Path]) -> None:
    box = Mailbox()
    async with mail_server(box, authority[0]):
        await send(box, authority[1], change_row())
    assert "2 → 4 replicas" in box.mail()["Subject"]


async def test_a_connection_that_breaks_is_tried_again() -> None:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(drop, "127.0.0.1", 0)
    box = Mailbox(port=server.sockets[0].getsockname()[1])
    with pytest.raises(NotDelivered) as caught:
        await send(box, None, row())
    assert caught.value.kind is FailureKind.NETWORK
    server.close()
    await server.wait_closed()


@pytest.mark.slow
def test_an_hour_without_the_server_loses_nothing(authority: tuple[ssl.SSLContext, Path]) -> None:
    async def story() -> None:
        seams, box = parts(), Mailbox(on_data="451 greylisted")
        async with mail_server(box, authority[0]):
            config = SmtpConfig(
                name="hook",
                host="127.0.0.1",
                port=box.port,
                sender="neevscale@example.com",
                to=TO,
                ca_file=str(authority[1]),
            )
            async with opened([SmtpReceiver(config)], seams) as outbox:
                put(seams.store, row())
                for step in range(28):
                    box.on_data = "451 greylisted" if step < 24 else ""
                    await outbox.send_due()
                    await outbox.drain()
                    await asyncio.sleep(150)
                put(seams.store, row("resolve", at=seams.clock.now()))
                await outbox.send_due()
                await outbox.drain()
        subjects = [box.mail(index)["Subject"] for index in range(len(box.mails))]
        assert [subject.split("]")[0] for subject in subjects] == ["[critical", "[resolved"]

    run_virtual(story())
