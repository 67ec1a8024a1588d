"""A server that misbehaves on demand, with real sockets, and builders for what probes need."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from autoscaler.core.model import Deployment, Json
from autoscaler.core.words import Status
from autoscaler.probes.config import Deadlines, InferenceKey, ProbeConfig

TLS = Path(__file__).parent / "probes" / "tls"
KEY = "sk-nc-test-secret-0123456789"
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class FakeClock:
    """Real time unless told otherwise; `now` can be stepped."""

    def __init__(self) -> None:
        self.base = 1_000_000.0

    def now(self) -> float:
        return self.base + asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Request:
    """One request as it came over the wire."""

    path: str
    headers: dict[str, str]
    body: dict[str, Json]


@dataclass
class Talk:
    """One connection, for a script to play on."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    request: Request

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(
        self, status: str = "200 OK", kind: str = "text/event-stream", **headers: str
    ) -> None:
        """Status and headers of a chunked answer."""
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Transfer-Encoding: chunked"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.raw(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def event(self, body: Json | str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        await self.chunk(f"data: {text}\n\n".encode())

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def answer(self, status: str, text: str, **headers: str) -> None:
        """A whole answer with a body of known length."""
        lines = [f"HTTP/1.1 {status}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(text.encode())}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.raw(("\r\n".join(lines) + "\r\n\r\n" + text).encode())

    def reset(self) -> None:
        """Break the connection off without ceremony."""
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the client has closed its end."""
        while await self.reader.read(1024):
            pass


Script = Callable[[Talk], Awaitable[None]]


@dataclass
class Endpoint:
    """A running server."""

    port: int = 0
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    hung_up: int = 0
    """Connections that the client closed while the script still played."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def serving(script: Script, *, cert: str | None = None) -> AsyncIterator[Endpoint]:
    """Serve `script` on loopback, with TLS where `cert` names a certificate."""
    endpoint = Endpoint(scheme="https" if cert else "http")
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        endpoint.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while True:
                request = await _read_request(reader)
                endpoint.requests.append(request)
                await script(Talk(reader, writer, request))
                if request.headers.get("connection") == "close":
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            endpoint.hung_up += 1
        except asyncio.CancelledError:
            pass
        finally:
            tasks.discard(task)
            writer.close()

    context = None
    if cert is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / f"{cert}.pem")
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    endpoint.port = server.sockets[0].getsockname()[1]
    try:
        yield endpoint
    finally:
        server.close()
        await asyncio.sleep(0.01)  # a handshake that failed ends in a task of asyncio's own
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines if line)
    }
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(length) if length else b"{}"
    return Request(path=first.split()[1], headers=headers, body=json.loads(body))


def token(text: str = " w", *, finish: str | None = None, **more: Json) -> dict[str, Json]:
    """One content chunk as vLLM sends it."""
    choice: dict[str, Json] = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {"model": MODEL, "choices": [choice], **more}


def role() -> dict[str, Json]:
    delta: Json = {"role": "assistant", "content": ""}
    choice: Json = {"index": 0, "delta": delta, "finish_reason": None}
    return {"model": MODEL, "choices": [choice]}


async def stream(
    talk: Talk, tokens: int = 24, *, ttft: float = 0.2, itl: float = 0.02, **head: str
) -> None:
    """A proper answer."""
    await talk.head(**head)
    await talk.event(role())
    await asyncio.sleep(ttft)
    for i in range(tokens):
        await talk.event(token(f" w{i}", finish="length" if i == tokens - 1 else None))
        if i < tokens - 1:
            await asyncio.sleep(itl)
    await talk.event("[DONE]")
    await talk.end()


def deployment(endpoint: Endpoint | str | None, **changes: object) -> Deployment:
    """A ready deployment at `endpoint`."""
    url = endpoint.url if isinstance(endpoint, Endpoint) else endpoint
    fields: dict[str, object] = {
        "id": "dep-1",
        "name": "chat-a",
        "project_id": "prj",
        "model_id": MODEL,
        "model_name": None,
        "region": "as-south-1",
        "status": Status.READY,
        "raw_status": "ready",
        "endpoint_url": url,
        "gpu_config_id": "gpu-h100",
        "gpu_count": 1,
        "replicas": 1,
        "created_at": None,
        "updated_at": None,
        "uptime_seconds": 100_000,
        **changes,
    }
    return Deployment(**fields)  # type: ignore[arg-type]  # a builder's fields


def config(**changes: object) -> ProbeConfig:
    """A configuration for loopback, with a key and short deadlines."""
    fields: dict[str, object] = {
        "allowed_hosts": LOOPBACK,
        "keys": (InferenceKey(secret=lambda: KEY, allowed_hosts=LOOPBACK),),
        "ca_file": str(TLS / "ca.pem"),
        "deadlines": Deadlines(connect=1.0, headers=2.0, first_token=4.0, gap=3.0, total=12.0),
        **changes,
    }
    return ProbeConfig(**fields)  # type: ignore[arg-type]  # a builder's fields
