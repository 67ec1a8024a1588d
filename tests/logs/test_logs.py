"""The log: its lines, and what must never be in them."""

import io
import json
import logging
from collections import Counter
from collections.abc import Callable

import pytest
import structlog

from autoscaler.core.redaction import HIDDEN
from autoscaler.logs import LogConfig, configure_logs

NOW = 1_790_000_000.0
Lines = Callable[[], list[dict[str, object]]]

SECRETS = {
    "inference key": "sk-nc-0123456789abcdef",
    "access token": "pat-nc-fedcba9876543210",
    "bearer": "Bearer abc.def-ghi",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "webhook key": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "slack token": "xoxb-123456789012-abcdefABCDEF",
    "slack url": "https://hooks.slack.com/services/T00/B00/XXXXXXXX",
    "url with a password": "https://ops:hunter22@example.com/x",
}
"""Every kind of secret that redaction knows by its shape."""
BARE = {name: value.removeprefix("Bearer ") for name, value in SECRETS.items()} | {
    "slack url": "T00/B00/XXXXXXXX",
    "url with a password": "hunter22",
}
"""The part of each that must not be seen."""


class Rig:
    """The log into a string, on a clock that the test moves."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        self.now = NOW
        self.levels: Counter[str] = Counter()
        self.secret = "a-registered-secret"

    def configure(self, **config: object) -> None:
        def count(level: str) -> None:
            self.levels[level] += 1

        configure_logs(
            LogConfig(**({"format": "json"} | config)),  # type: ignore[arg-type]  # a story's words
            now=lambda: self.now,
            count=count,
            secrets=(lambda: self.secret, _unreadable),
            stream=self.out,
        )

    @property
    def text(self) -> str:
        return self.out.getvalue()

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text.splitlines()]


def _fail(secret: str) -> None:
    raise RuntimeError(f"cannot reach {secret}")


def _unreadable() -> str:
    raise OSError("the file is gone")


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_the_canonical_line_reads_in_logfmt(rig: Rig) -> None:
    rig.configure(format="logfmt")
    structlog.get_logger().info(
        "decided", deployment="chat-a", current=2, target=3, because="load 2.4 wants 3"
    )
    assert rig.text == (
        "timestamp=2026-09-21T14:13:20.000+00:00 level=info event=decided deployment=chat-a"
        ' current=2 target=3 because="load 2.4 wants 3"\n'
    )


def test_json_lines_begin_with_when_how_loud_and_what(rig: Rig) -> None:
    rig.configure()
    structlog.get_logger().info("decided", deployment="chat-a", nothing=None)
    (line,) = rig.lines
    assert list(line) == ["timestamp", "level", "event", "deployment"]


def test_console_lines_are_for_people(rig: Rig) -> None:
    rig.configure(format="console")
    structlog.get_logger().warning("list_failed", because="HTTP 503")
    assert "list_failed" in rig.text
    assert "HTTP 503" in rig.text


def test_without_a_terminal_the_log_is_json(rig: Rig) -> None:
    rig.configure(format=None)
    structlog.get_logger().info("started")
    assert rig.lines[0]["event"] == "started"


def test_what_is_below_the_level_is_not_logged(rig: Rig) -> None:
    rig.configure(level="warning")
    structlog.get_logger().info("decided")
    assert rig.text == ""


@pytest.mark.parametrize("form", ["json", "logfmt", "console"])
@pytest.mark.parametrize("kind", SECRETS)
def test_no_kind_of_secret_is_ever_logged(rig: Rig, form: str, kind: str) -> None:
    """Not in a field, in a name, nested, in an error's text, nor from another library."""
    rig.configure(format=form)
    log, secret = structlog.get_logger(), SECRETS[kind]
    log.warning("plain", because=f"refused: {secret}")
    log.warning("nested", headers={"sent": [f"x {secret} y"]}, other=(secret,))
    log.warning("object", error=ValueError(secret))
    try:
        _fail(secret)
    except RuntimeError:
        log.exception("raised")
    logging.getLogger("aiohttp.client").warning("cannot send %s", secret)

    assert BARE[kind] not in rig.text
    assert rig.text.count(HIDDEN) >= 5


def test_a_registered_secret_is_hidden_wherever_it_stands(rig: Rig) -> None:
    rig.configure()
    structlog.get_logger().info("called", url="https://example.com/?q=a-registered-secret&x=1")
    assert "a-registered-secret" not in rig.text


def test_a_rotated_secret_is_hidden_after_half_a_minute(rig: Rig) -> None:
    rig.configure()
    structlog.get_logger().info("one")
    rig.secret = "another-secret-now"
    rig.now += 31.0
    structlog.get_logger().info("two", because="another-secret-now")
    assert "another-secret-now" not in rig.text


@pytest.mark.parametrize(
    "name", ["token", "access_token", "password", "Authorization", "api_key", "routing_key"]
)
def test_a_field_that_is_named_for_a_secret_is_never_shown(rig: Rig, name: str) -> None:
    rig.configure()
    structlog.get_logger().info("logged_in", **{name: "12345", "inner": {name: "12345"}})
    assert "12345" not in rig.text


@pytest.mark.parametrize("form", ["json", "logfmt", "console"])
def test_no_text_can_forge_a_line_or_move_the_cursor(rig: Rig, form: str) -> None:
    rig.configure(format=form)
    evil = "ok\n2026-01-01 level=error event=forged\x1b[2J\x07\u202e\u2028end"
    structlog.get_logger().warning("list_failed", because=evil, model={"name\n": [evil]})

    assert len(rig.text.splitlines()) == 1
    assert not set(rig.text.rstrip("\n")) & {"\n", "\r", "\x07", "\u202e", "\u2028"}
    assert "\x1b[2J" not in rig.text


def test_a_huge_text_is_cut(rig: Rig) -> None:
    rig.configure()
    structlog.get_logger().warning("body", body="x" * 10_000_000)
    assert len(rig.text) < 5000


def test_a_repeated_error_is_told_once_and_then_with_its_count(rig: Rig) -> None:
    rig.configure(repeat_every=10)
    for _ in range(25):
        structlog.get_logger().warning("list_failed", deployment="a")

    assert [line.get("repeated") for line in rig.lines] == [None, 10, 20]
    assert rig.levels["warning"] == 25


def test_errors_of_other_deployments_are_not_repetitions(rig: Rig) -> None:
    rig.configure(repeat_every=10)
    for name in ("a", "b", "c"):
        structlog.get_logger().error("job_failed", deployment=name, job="probe")
    assert len(rig.lines) == 3


def test_an_error_that_was_quiet_for_ten_minutes_is_new(rig: Rig) -> None:
    rig.configure(repeat_every=10)
    structlog.get_logger().warning("list_failed")
    rig.now += 601.0
    structlog.get_logger().warning("list_failed")
    assert len(rig.lines) == 2


def test_decisions_are_never_sampled_away(rig: Rig) -> None:
    rig.configure(repeat_every=10)
    for _ in range(25):
        structlog.get_logger().info("decided", deployment="a")
    assert len(rig.lines) == 25


def test_the_memory_of_repetitions_is_bounded(rig: Rig) -> None:
    rig.configure(repeat_every=1_000_000)
    for number in range(1100):
        structlog.get_logger().warning("odd", deployment=f"d{number}")
    structlog.get_logger().warning("odd", deployment="d0")
    assert len(rig.lines) == 1101


def test_lines_are_counted_by_level(rig: Rig) -> None:
    rig.configure()
    structlog.get_logger().info("a")
    structlog.get_logger().error("b")
    logging.getLogger("some.library").error("c")
    assert rig.levels == {"info": 1, "error": 2}


def test_what_apscheduler_warns_of_is_counted_elsewhere(rig: Rig) -> None:
    rig.configure()
    logging.getLogger("apscheduler.scheduler").warning("skipped: maximum number of instances")
    assert rig.text == ""
