"""A completion endpoint that knows the true times; a program of its own, for the benches.

usage: probe_endpoint.py TRUTH.jsonl [CERT.pem]

It prints its port. For each completion it appends one line to the file: the request's id, when the
connection came, and when the first and the last token were written, in seconds of the machine's
monotonic clock, which all processes share. TTFT is drawn from 50 to 150 ms, ITL from 10 to 30 ms.
`GET` answers 200 with two bytes. It sends raw bytes, so as to be faster than what it measures.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import ssl
import sys
import time
from typing import TextIO, cast

import uvloop

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
ID = re.compile(rb"X-Request-Id: (\S+)", re.IGNORECASE)
MODEL = re.compile(rb'"model": ?"([^"]+)"')
LENGTH = re.compile(rb"Content-Length: (\d+)", re.IGNORECASE)
TOKENS = re.compile(rb'"max_tokens": ?(\d+)')


def chunk(body: bytes) -> bytes:
    event = b"data: " + body + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


class Completion(asyncio.Protocol):
    """One connection."""

    def __init__(self, truth: TextIO, rng: random.Random) -> None:
        self.truth = truth
        self.rng = rng
        self.buffer = b""
        self.first = self.last = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one, but not by class
        self.came = time.monotonic()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not end or (length and len(body) < int(length[1])):
            return
        self.buffer = b""
        if head.startswith(b"GET"):
            self.transport.write(PLAIN)
            self.transport.close()
            return
        self._begin(head, body)

    def _begin(self, head: bytes, body: bytes) -> None:
        name, model, tokens = ID.search(head), MODEL.search(body), TOKENS.search(body)
        assert name
        assert model
        assert tokens
        self.id, self.model, self.tokens = name[1].decode(), model[1], int(tokens[1])
        self.sent = 0
        self.itl = self.rng.uniform(0.010, 0.030)
        delta = b'{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}'
        self.transport.write(HEAD + chunk(self._event(delta, 0)))
        self.loop = asyncio.get_running_loop()
        self.due = self.loop.time() + self.rng.uniform(0.050, 0.150)
        self.loop.call_at(self.due, self._token)

    def _event(self, choice: bytes, count: int) -> bytes:
        return (
            b'{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"%s",'
            b'"choices":[%s],"usage":{"prompt_tokens":40,"completion_tokens":%d}}'
            % (self.model, choice, count)
        )

    def _token(self) -> None:
        if self.transport.is_closing():
            return
        self.sent += 1
        is_last = self.sent == self.tokens
        finish = b'"length"' if is_last else b"null"
        choice = b'{"index":0,"delta":{"content":" w%d"},"finish_reason":%s}' % (self.sent, finish)
        now = time.monotonic()
        if is_last:
            rest = chunk(self._event(b"", self.sent)) + chunk(b"[DONE]") + b"0\r\n\r\n"
            self.transport.write(chunk(self._event(choice, self.sent)) + rest)
            self._tell(now)
            return
        self.transport.write(chunk(self._event(choice, self.sent)))
        self.first = self.first or now
        self.due += self.itl
        self.loop.call_at(self.due, self._token)

    def _tell(self, last: float) -> None:
        line = {"id": self.id, "came": self.came, "first": self.first, "last": last}
        self.truth.write(json.dumps({**line, "tokens": self.tokens}) + "\n")


async def serve(path: str, cert: str | None) -> None:
    rng = random.Random(1)
    context = None
    if cert is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    with open(path, "w", encoding="utf-8", buffering=1) as truth:  # noqa: ASYNC230, PTH123  # at start
        server = await loop.create_server(
            lambda: Completion(truth, rng), "127.0.0.1", 0, ssl=context, backlog=4096
        )
        print(server.sockets[0].getsockname()[1], flush=True)
        await ended.wait()
        server.close()


def hurry() -> None:
    """Go before all others where that is allowed: a truth that waits for a core is none."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


if __name__ == "__main__":
    hurry()
    uvloop.run(serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
