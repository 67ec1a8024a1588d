"""How long one engine step takes on a given model and GPU: published coefficients, as data.

Each profile is one row of a table composed from measured kernels and whole-step tables:
ai-dynamo/aiconfigurator (Apache-2.0) for the `aic_*` rows, casys-kaist/LLMServingSim (MIT) for
`llmservingsim_*`, Mutinifni/splitwise-sim (MIT) for `splitwise`. `validation` and `note` say how
far each may be trusted: inter-token latency agreed with real servers within about 4 to 8 % where
it could be checked; overload, and a time to first token below about 0.1 s, are not validated.

With n = decoding sequences + prompt tokens computed in the step:

    dense = max(d + e n, a + b n)  if the step computes prompt tokens, else  d + e n
    step  = dense + f sum(context) + c sum(chunk (chunk + 2 history)) + overhead
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MS = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Coefficients of one engine step, and what a replica of this kind can hold."""

    name: str
    """Model, GPUs and number format, as in the table."""
    source: str
    """Data set that the coefficients come from, and the engine it stands for."""
    prefill_seconds: float
    """a: a step that computes prompts, before any token."""
    prefill_seconds_per_token: float
    """b: per token (prompt or decode) of such a step."""
    prefill_seconds_per_token2: float
    """c: attention, per chunk x (chunk + 2 x history)."""
    decode_seconds: float
    """d: a step that only decodes, before any sequence: mostly reading the weights."""
    decode_seconds_per_sequence: float
    """e: per decoding sequence."""
    decode_seconds_per_context_token: float
    """f: attention, per token of context of the decoding sequences."""
    overhead_seconds: float
    """The host's share of each step."""
    multiplier: float = 1.0
    """Correction by a published run that a, b, c, d, e and f already contain; 1 = as measured."""
    kv_capacity_tokens: int
    """Tokens whose keys and values fit on one replica."""
    startup_seconds: float
    """Start of the engine alone; scheduling, image and weights come on top."""
    validation: str = "NONE"
    """Level of evidence: IN-SAMPLE (chosen on the data it is compared with), FIT ONLY, or NONE."""
    note: str = ""
    """What was compared with what, and what did not agree."""

    def idle_step_seconds(self, context_tokens: int = 128) -> float:
        """One decode step of a lone sequence: the idle inter-token latency, alpha."""
        return (
            self.decode_seconds
            + self.overhead_seconds
            + self.decode_seconds_per_sequence
            + self.decode_seconds_per_context_token * context_tokens
        )


class BadProfile(ValueError):
    """A profile table that cannot be used; the text says which row and column, and what to do."""


_COLUMNS = {
    "prefill_seconds": "prefill_a_ms",
    "prefill_seconds_per_token": "prefill_b_ms_per_tok",
    "prefill_seconds_per_token2": "prefill_c_ms_per_tok2",
    "decode_seconds": "decode_d_ms",
    "decode_seconds_per_sequence": "decode_e_ms_per_seq",
    "decode_seconds_per_context_token": "decode_f_ms_per_ctx_tok",
    "overhead_seconds": "host_overhead_ms_per_step",
}


def read_profile(lines: Iterable[str], row: str | None = None) -> Profile:
    """Read one profile from CSV lines with the columns of the published table.

    `row` is a profile's name or its number from 1; None takes the first. Raises BadProfile.
    """
    rows = list(csv.DictReader(lines))
    if not rows:
        raise BadProfile("the profile table has no rows: a header and at least one row are wanted")
    return _profile(_find(rows, row))


def _find(rows: list[dict[str, str]], wanted: str | None) -> dict[str, str]:
    if wanted is None:
        return rows[0]
    for number, row in enumerate(rows, start=1):
        if wanted in {row.get("profile"), str(number)}:
            return row
    names = ", ".join(str(row.get("profile")) for row in rows)
    raise BadProfile(f"no row {wanted!r} in the profile table; it has 1 to {len(rows)}: {names}")


def _profile(row: Mapping[str, str]) -> Profile:
    name = row.get("profile") or "unnamed"
    return Profile(
        name=name,
        source=", ".join(part for part in (row.get("source"), row.get("engine")) if part),
        **{field: _number(row, column) * MS for field, column in _COLUMNS.items()},
        multiplier=_number(row, "multiplier_included", default=1.0),
        kv_capacity_tokens=int(_number(row, "kv_capacity_tokens")),
        startup_seconds=_number(row, "startup_s", default=0.0),
        validation=row.get("validation_level") or "NONE",
        note=row.get("validation_note") or "",
    )


def _number(row: Mapping[str, str], column: str, default: float | None = None) -> float:
    text = row.get(column)
    if not text:
        if default is not None:
            return default
        raise BadProfile(f"profile {row.get('profile')!r} lacks the column {column}")
    try:
        value = float(text)
    except ValueError as fault:
        raise BadProfile(
            f"profile {row.get('profile')!r}, column {column}: {text!r} is no number"
        ) from fault
    if not 0 <= value < float("inf"):
        raise BadProfile(
            f"profile {row.get('profile')!r}, column {column}: {text} is not a finite number >= 0"
        )
    return value
