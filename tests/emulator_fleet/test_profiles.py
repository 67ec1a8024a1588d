"""Profiles: the table that is built in, and one from a file."""

import pytest

from autoscaler.emulator.profile_table import DEFAULT_PROFILE, PROFILES
from autoscaler.emulator.profiles import BadProfile, read_profile

HEADER = (
    "profile,source,engine,prefill_a_ms,prefill_b_ms_per_tok,prefill_c_ms_per_tok2,decode_d_ms,"
    "decode_e_ms_per_seq,decode_f_ms_per_ctx_tok,host_overhead_ms_per_step,kv_capacity_tokens,extra"
)
TABLE = [
    HEADER,
    "small,lab,engine 1,2,0.01,1e-7,3,0.02,1e-5,0.5,10000,x",
    "large,lab,engine 1,4,0.02,2e-7,6,0.04,2e-5,1,20000,y",
]


def test_the_default_profile_has_the_published_figures() -> None:
    profile = PROFILES[DEFAULT_PROFILE]
    assert profile.decode_seconds == pytest.approx(6.405e-3)
    assert profile.prefill_seconds_per_token2 == pytest.approx(6.827e-10)
    assert (profile.kv_capacity_tokens, profile.startup_seconds) == (411_529, 25.0)
    assert profile.validation == "IN-SAMPLE"
    assert "NOT matched" in profile.note


def test_every_profile_says_where_it_comes_from_and_how_far_to_trust_it() -> None:
    assert len(PROFILES) == 6
    for name, profile in PROFILES.items():
        assert profile.name == name
        assert profile.source
        assert profile.validation in {"IN-SAMPLE", "FIT ONLY", "NONE"}
        assert profile.note
        assert 0.005 < profile.idle_step_seconds() < 0.06


@pytest.mark.parametrize(
    ("row", "name"), [(None, "small"), ("1", "small"), ("2", "large"), ("large", "large")]
)
def test_a_row_is_found_by_number_or_name(row: str | None, name: str) -> None:
    profile = read_profile(TABLE, row)
    assert profile.name == name
    assert (profile.multiplier, profile.startup_seconds, profile.validation) == (1.0, 0.0, "NONE")


@pytest.mark.parametrize(
    ("lines", "row", "complaint"),
    [
        ([], None, "no rows"),
        (TABLE[:1], None, "no rows"),
        (TABLE, "3", "no row '3'.*1 to 2: small, large"),
        ([TABLE[0], "odd,,,,,,,,,,"], None, "'odd' lacks the column prefill_a_ms"),
        ([TABLE[0], "odd,,,x,,,,,,,"], None, "'odd', column prefill_a_ms: 'x' is no number"),
        ([TABLE[0], "odd,,,-1,,,,,,,"], None, "not a finite number >= 0"),
        ([TABLE[0], "odd,,,inf,,,,,,,"], None, "not a finite number >= 0"),
    ],
)
def test_a_bad_table_is_refused_with_its_row_and_column(
    lines: list[str], row: str | None, complaint: str
) -> None:
    with pytest.raises(BadProfile, match=complaint):
        read_profile(lines, row)
