"""Users of a real LLM server: Poisson arrivals, in a process of its own, for the benches.

usage: llm_users.py URL MODEL RATE SECONDS [KEY]

Prompts of about 92 tokens of random words, outputs exponential with mean 98 tokens (4 to 400), as
in the measurements of real engines. Prints one line of JSON: the instants (wall clock) of arrival.
"""

import asyncio
import json
import random
import sys
import time

import aiohttp

TEXT = "copy license program source work terms code free user patent modify convey right"
WORDS = TEXT.split()


async def ask(session: aiohttp.ClientSession, url: str, model: str, rng: random.Random) -> None:
    words = " ".join(rng.choice(WORDS) for _ in range(rng.randint(40, 80)))
    tokens = min(400, max(4, round(rng.expovariate(1 / 98))))
    body = {
        "model": model,
        "messages": [{"role": "user", "content": f"{rng.random()} {words}"}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "stream": True,
    }
    async with session.post(f"{url}/chat/completions", json=body) as response:
        while await response.content.readany():
            pass


async def main(url: str, model: str, key: str, *, rate: float, seconds: float) -> None:
    rng = random.Random(7)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    arrivals: list[float] = []
    async with aiohttp.ClientSession(headers=headers) as session:
        began, at = time.monotonic(), 0.0
        asked: set[asyncio.Task[None]] = set()
        while (at := at + rng.expovariate(rate)) < seconds:
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            arrivals.append(time.time())
            task = asyncio.create_task(ask(session, url, model, rng))
            asked.add(task)
            task.add_done_callback(asked.discard)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    print(json.dumps(arrivals))


if __name__ == "__main__":
    url, model, rate, seconds, *keys = sys.argv[1:]
    asyncio.run(main(url, model, "".join(keys), rate=float(rate), seconds=float(seconds)))
