"""Where a probe, and a key, may go (SEMANTICS 6)."""

import pytest
from helpers_probes import deployment
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from autoscaler.probes.hosts import HostGuard, address_of, host_matches, parse_endpoint
from autoscaler.probes.keys import Credential, redact


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("*.a.b", "x.a.b", True),
        ("*.a.b", "y.x.a.b", True),
        ("*.a.b", "a.b", False),
        ("*.a.b", "xa.b", False),
        ("*.a.b", ".a.b", False),
        ("*.a.b", "x.a.b.evil.example", False),
        ("a.b", "a.b", True),
        ("A.B", "a.b.", True),
        ("a.b", "x.a.b", False),
        ("a.b:443", "a.b", True),
        ("a.b:8443", "a.b", False),
        ("*.a.b:443", "x.a.b", True),
        ("[::1]", "::1", True),
        ("[::1]:443", "::1", True),
        ("[::1]:80", "::1", False),
        ("::1", "::1", True),
        ("", "a.b", False),
        ("*", "a.b", False),
        ("*.", "a.b", False),
    ],
)
def test_patterns_match_whole_labels(pattern: str, host: str, *, fits: bool) -> None:
    assert host_matches(pattern, host, 443) is fits


labels = st.lists(st.text("abc-", min_size=1, max_size=4), min_size=1, max_size=4)


@given(labels, labels)
def test_a_wildcard_allows_nothing_outside_its_domain(domain: list[str], host: list[str]) -> None:
    allowed = host_matches(f"*.{'.'.join(domain)}", ".".join(host), 443)
    assert allowed == (len(host) > len(domain) and host[-len(domain) :] == domain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chat.example",
        "ftp://chat.example",
        "https://",
        "https://user@chat.example/v1",
        "https://user:word@chat.example/v1",
        "https://chat.example:99999/v1",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_plain_endpoint_is_refused(text: str) -> None:
    assert parse_endpoint(text) is None
    guard = HostGuard(("*.example", "chat.example"))
    assert guard.admit(deployment(text), at=1.0) is None
    assert len(guard.refusals()) == 1


def test_an_authority_that_two_parsers_would_read_differently_goes_nowhere_else() -> None:
    url = parse_endpoint("https://chat.example\\@evil.example/v1")
    assert url is None or url.raw_host != "evil.example"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://chat.example/v1", "plain http"),
        ("https://chat.elsewhere/v1", "not allowed"),
        ("https://127.0.0.1/v1", "not allowed"),
    ],
)
def test_a_refusal_says_why_and_what_to_do(url: str, why: str) -> None:
    guard = HostGuard(("*.example",))
    assert guard.admit(deployment(url), at=5.0) is None
    refusal = guard.refusals()[0]
    assert why in refusal.because
    assert "chat-a" in refusal.because
    assert refusal.at == 5.0


@pytest.mark.parametrize(
    "moved",
    [
        "https://b.example/v1",
        "https://a.example:8443/v1",
        "http://localhost/v1",
    ],
)
def test_host_scheme_and_port_are_those_of_the_first_sight(moved: str) -> None:
    guard = HostGuard(("*.example", "localhost"))
    assert guard.admit(deployment("https://a.example/v1"), at=1.0)
    assert guard.admit(deployment(moved), at=2.0) is None
    assert guard.admit(deployment(moved, id="dep-2"), at=2.0)


def test_a_person_accepts_the_place_that_was_seen_and_no_other() -> None:
    guard = HostGuard(("*.a.b",))
    assert guard.admit(deployment("https://x.a.b/v1"), at=0.0) is not None
    moved = deployment("https://y.a.b/v1")
    assert guard.admit(moved, at=1.0) is None
    (refused,) = guard.refusals()
    assert f"accept-endpoint {moved.name} y.a.b:443" in refused.because
    with pytest.raises(ValueError, match=r"is at y\.a\.b:443 now, not at z\.a\.b:443"):
        guard.accept(moved, "z.a.b:443")
    assert guard.admit(moved, at=2.0) is None
    guard.accept(moved, "Y.a.b:443")
    assert guard.refusals() == ()
    assert str(guard.admit(moved, at=3.0)) == "https://y.a.b/v1"
    assert guard.pins() == {moved.id: "https://y.a.b/v1"}
    assert guard.admit(deployment("https://x.a.b/v1"), at=4.0) is None


@pytest.mark.parametrize(
    ("first", "now", "why"),
    [
        (None, "https://y.a.b/v1", "has not moved"),
        ("https://x.a.b/v1", "https://x.a.b/v2", "has not moved"),
        ("https://x.a.b/v1", None, "has not moved"),
        ("https://x.a.b/v1", "https://evil.example/v1", "inference.allowed_hosts"),
        ("https://x.a.b/v1", "http://y.a.b/v1", "plain http"),
    ],
)
def test_what_has_not_moved_or_may_not_be_probed_cannot_be_accepted(
    first: str | None, now: str | None, why: str
) -> None:
    guard = HostGuard(("*.a.b",))
    if first is not None:
        guard.admit(deployment(first), at=0.0)
    before = guard.pins()
    with pytest.raises(ValueError, match=why):
        guard.accept(deployment(now), address_of(URL(now or "https://x.a.b")))
    assert guard.pins() == before


def test_the_path_may_move_on() -> None:
    guard = HostGuard(("*.example",))
    guard.admit(deployment("https://a.example/v1"), at=1.0)
    assert guard.admit(deployment("https://a.example/v2"), at=2.0) == URL("https://a.example/v2")


def test_pins_outlive_a_restart_and_end_with_their_deployment() -> None:
    guard = HostGuard(("*.example",))
    guard.admit(deployment("https://a.example/v1"), at=1.0)
    second = HostGuard(("*.example",))
    second.restore({**guard.pins(), "dep-2": "no url", "dep-3": None})
    assert second.admit(deployment("https://b.example/v1"), at=2.0) is None
    second.keep(frozenset({"dep-9"}))
    assert second.refusals() == ()
    assert second.admit(deployment("https://b.example/v1"), at=2.0)


@pytest.mark.parametrize(
    "text",
    [
        "bad key sk-nc-abc123.def",
        "token pat-nc-abc123",
        "Authorization: Bearer something",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl",
        "sk-proj-0123456789abcdef",
        "hush-hush",
    ],
)
def test_nothing_shaped_like_a_key_is_told(text: str) -> None:
    told = redact(text, "hush-hush")
    assert "…" in told
    words = ("abc123", "something", "MfKQ", "eyJ", "0123456789", "hush")
    assert not any(word in told for word in words)


def test_what_is_told_is_one_short_line() -> None:
    assert redact("a\n\tb" + "x" * 1000) == "a b" + "x" * 253


def test_a_credential_shows_itself_to_nobody() -> None:
    assert "secret" not in repr(Credential("secret"))
    assert Credential("secret").headers() == {"Authorization": "Bearer secret"}
