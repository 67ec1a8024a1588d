"""Users of a real LLM server, spell after spell, in a process of its own, for the benches.

usage: llm_users.py URL MODEL SPELLS [KEY [FEWEST MOST]]

SPELLS is `LOAD:SECONDS,LOAD:SECONDS,...`: a number is Poisson arrivals a second, `x36` keeps 36
requests open at all times (a saturated spell; they are cut off at its end). Prompts are FEWEST to
MOST random words (default 40 to 80, some 92 tokens), outputs exponential with mean 98 tokens (4 to
400), as in the measurements of real engines. Prints one line of JSON: `arrivals`, the instants
(wall clock) at which requests were sent, `tokens`, those delivered in each second (wall clock),
and `prompts`, the prompt tokens of each request as the server counted them.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

TEXT = "copy license program source work terms code free user patent modify convey right"
WORDS = TEXT.split()


@dataclass
class Users:
    """What they ask, and what they got."""

    session: aiohttp.ClientSession
    url: str
    model: str
    words: tuple[int, int]
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    arrivals: list[float] = field(default_factory=list)
    tokens: Counter[int] = field(default_factory=Counter)
    prompts: list[int] = field(default_factory=list)

    async def ask(self) -> None:
        self.arrivals.append(time.time())
        words = " ".join(self.rng.choice(WORDS) for _ in range(self.rng.randint(*self.words)))
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": f"{self.rng.random()} {words}"}],
            "max_tokens": min(400, max(4, round(self.rng.expovariate(1 / 98)))),
            "ignore_eos": True,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        async with self.session.post(f"{self.url}/chat/completions", json=body) as response:
            async for line in response.content:
                self.take(line)

    def take(self, line: bytes) -> None:
        if not line.startswith(b"data: {"):
            return
        chunk = json.loads(line[6:])
        if chunk.get("choices") and chunk["choices"][0]["delta"].get("content"):
            self.tokens[int(time.time())] += 1
        if chunk.get("usage"):
            self.prompts.append(chunk["usage"]["prompt_tokens"])

    async def arrive(self, rate: float, until: float, asked: set[asyncio.Task[None]]) -> None:
        at = time.monotonic()
        while rate and (at := at + self.rng.expovariate(rate)) < until:
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            task = asyncio.create_task(self.ask())
            asked.add(task)
            task.add_done_callback(asked.discard)
        await asyncio.sleep(max(0.0, until - time.monotonic()))

    async def crowd(self, count: int, until: float) -> None:
        async def one() -> None:
            while True:
                await self.ask()

        tasks = [asyncio.create_task(one()) for _ in range(count)]
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        await ended(tasks)


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def main(users: Users, spells: str) -> None:
    asked: set[asyncio.Task[None]] = set()
    until = time.monotonic()
    for spell in spells.split(","):
        load, seconds = spell.split(":")
        until += float(seconds)
        if load.startswith("x"):
            await users.crowd(int(load[1:]), until)
        else:
            await users.arrive(float(load), until, asked)
    await ended(list(asked))
    told = {"arrivals": users.arrivals, "tokens": users.tokens, "prompts": users.prompts}
    print(json.dumps(told))


async def run(url: str, model: str, spells: str, *more: str) -> None:
    key, fewest, most = (*more, *("", "40", "80")[len(more) :])
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        await main(Users(session, url, model, (int(fewest), int(most))), spells)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
