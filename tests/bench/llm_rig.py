"""What the benches on a real LLM server share: its name by the environment, probes beside users.

It needs a server that somebody started: LLM_URL (as probed, perhaps through a gateway),
LLM_DIRECT_URL (as users ask; the same if not set), LLM_MODEL, LLM_KEY, LLM_CA, LLM_BODY.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers_probes import deployment

from autoscaler.clock import SystemClock
from autoscaler.core.codec import decode, encode
from autoscaler.core.model import Json, ProbeResult
from autoscaler.probes.completion import CompletionProber
from autoscaler.probes.config import InferenceKey, ProbeConfig
from autoscaler.probes.honesty import LagSampler

URL = os.environ.get("LLM_URL", "")
DIRECT = os.environ.get("LLM_DIRECT_URL", URL)
MODEL = os.environ.get("LLM_MODEL", "tiny-random")
KEY = os.environ.get("LLM_KEY", "")
CA = os.environ.get("LLM_CA") or None
BODY: dict[str, Json] = json.loads(os.environ.get("LLM_BODY", "{}"))
"""E.g. `{"temperature": 1.0}`: noise weights repeat themselves when asked for the likeliest token,
and that is rightly called degenerate.
"""
PROBE_SECONDS = 2.5
"""Close together, so that minutes are enough; a daemon probes every 5 to 30 s."""
USUAL_WORDS = (40, 80)


@dataclass(frozen=True)
class Spell:
    """A load for a while: arrivals a second, or `x36` for 36 requests open at all times."""

    load: str
    seconds: float


@dataclass(frozen=True)
class Recording:
    """What probes saw and what users sent and got, in instants of the wall clock."""

    began: float
    spells: tuple[Spell, ...]
    probes: tuple[ProbeResult, ...]
    arrivals: tuple[float, ...]
    tokens: dict[str, int]
    """Delivered to users in each second."""
    prompts: tuple[int, ...]
    """Prompt tokens of each request that ended."""

    def within(self, index: int, *, after: float = 0.0) -> tuple[float, float]:
        """Instants between which spell `index` lasted, its first `after` seconds left out."""
        start = self.began + sum(spell.seconds for spell in self.spells[:index])
        return start + after, start + self.spells[index].seconds

    def sent(self, since: float, until: float) -> int:
        return sum(since <= at < until for at in self.arrivals)

    def delivered(self, since: float, until: float) -> float:
        """Tokens a second that users got."""
        whole = range(round(since), round(until))
        return sum(self.tokens.get(str(second), 0) for second in whole) / len(whole)


def prober() -> CompletionProber:
    clock = SystemClock()
    loopback = ("127.0.0.1", "localhost")
    config = ProbeConfig(
        allowed_hosts=loopback,
        keys=(InferenceKey(secret=lambda: KEY, allowed_hosts=loopback),),
        ca_file=CA,
        extra_body=BODY,
    )
    return CompletionProber(config, clock=clock, sampler=LagSampler(clock))


async def recorded(
    probing: CompletionProber, spells: Sequence[Spell], *, words: tuple[int, int] = USUAL_WORDS
) -> Recording:
    """Probe every 2.5 s while users come as the spells say."""
    told = ",".join(f"{spell.load}:{spell.seconds}" for spell in spells)
    program = str(Path(__file__).parent / "llm_users.py")
    users = await asyncio.create_subprocess_exec(
        sys.executable, program, DIRECT, MODEL, told, KEY, *map(str, words),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert users.stdout is not None
    reading = asyncio.create_task(users.stdout.read())
    began = time.time()
    results = await _probed(probing, sum(spell.seconds for spell in spells))
    got = json.loads(await reading)
    await users.wait()
    return Recording(
        began=began,
        spells=tuple(spells),
        probes=tuple(results),
        arrivals=tuple(got["arrivals"]),
        tokens=got["tokens"],
        prompts=tuple(got["prompts"]),
    )


async def _probed(probing: CompletionProber, seconds: float) -> list[ProbeResult]:
    rng, began, results = random.Random(3), time.monotonic(), []
    due = began
    while due < began + seconds:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        target = deployment(URL, model_id=MODEL)
        results.append(await probing.probe(target, scheduled_at=time.time()))
        due = max(due + PROBE_SECONDS * rng.uniform(0.7, 1.3), time.monotonic())
    return results


def saved(recording: Recording, path: Path) -> None:
    path.write_text(json.dumps(encode(recording)))


def loaded(path: Path) -> Recording:
    return decode(Recording, json.loads(path.read_text()))
