"""Durations, money, URLs, addresses."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from autoscaler.core.hosts import is_loopback, origin, unsafe_because
from autoscaler.settings.serving import split_listen
from autoscaler.settings.units import Money, Seconds


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (15, 15), (0.5, 0.5), ("15", 15), ("500ms", 0.5), ("30s", 30), ("5m", 300), ("1h", 3600),
        ("1h30m", 5400), ("7d", 604800), ("2w", 1209600), (" 10s ", 10), ("1.5h", 5400),
    ],
)  # fmt: skip
def test_a_duration_is_a_number_or_a_text(written: object, seconds: float) -> None:
    assert TypeAdapter(Seconds).validate_python(written) == seconds


@pytest.mark.parametrize("written", [0, -1, "0s", "", "s", "5 m", "5x", "1e999", True, None, "-5s"])
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Seconds).validate_python(written)


@given(st.decimals(0, 10**6, places=4))
def test_money_is_what_was_written(amount: Decimal) -> None:
    assert TypeAdapter(Money).validate_python(str(amount)) == amount


def test_money_from_a_float_keeps_its_digits() -> None:
    assert str(TypeAdapter(Money).validate_python(192.48)) == "192.48"


@pytest.mark.parametrize("written", [True, "NaN", "Infinity", -1, "12,5", None])
def test_what_is_no_money_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Money).validate_python(written)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True), ("LOCALHOST.", True), ("a.localhost", True), ("127.0.0.1", True),
        ("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("localhost.example.com", False),
        ("127.0.0.1.example.com", False), ("0.0.0.0", False), ("", False), ("xlocalhost", False),
    ],
)  # fmt: skip
def test_loopback_is_judged_as_written(
    host: str,
    is_ours: bool,  # noqa: FBT001  # a case of the table
) -> None:
    assert is_loopback(host) is is_ours


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://A.Example.com/x", ("https", "a.example.com", 443)),
        ("http://127.0.0.1:81", ("http", "127.0.0.1", 81)),
        ("https://[::1]:9/x", ("https", "::1", 9)),
        ("ftp://a", None), ("https://", None), ("https://a:99999", None), ("https://[::1", None),
        ("//a/b", None), ("", None),
    ],
)  # fmt: skip
def test_an_origin_is_scheme_host_and_port(url: str, expected: tuple[str, str, int] | None) -> None:
    assert origin(url) == expected


@pytest.mark.parametrize(
    "url", ["http://example.com", "https://u:p@example.com", "https://", "file:///x"]
)
def test_no_credential_goes_to_an_unsafe_url(url: str) -> None:
    assert unsafe_because(url)


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("[::1]:0", ("::1", 0)),
        ("neevscale.local:80", ("neevscale.local", 80)),
    ],
)
def test_an_address_to_listen_on_is_host_and_port(listen: str, expected: tuple[str, int]) -> None:
    assert split_listen(listen) == expected


@pytest.mark.parametrize("listen", ["9464", ":x", "::1:80", "a:70000", "a", "a:-1", ""])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        split_listen(listen)
