"""The inference plane: chat completions over a deployment's fleet, as vLLM answers them.

Each request is a watched stream of the fleet and waits in the same queues as the background load;
its tokens leave at the instants at which the fleet computes them. A client that goes away aborts
its request, as vLLM does.
"""

import hmac

from aiohttp import web
from aiohttp.typedefs import Handler

from autoscaler.core.model import Json
from autoscaler.emulator.access import PLATFORM
from autoscaler.emulator.chat import ChatRefusal, ChatRequest, read_chat
from autoscaler.emulator.chunks import Answer
from autoscaler.emulator.engine_metrics import CONTENT_TYPE, render_metrics
from autoscaler.emulator.faults import FaultKind, Operation
from autoscaler.emulator.lifecycle import Unit
from autoscaler.emulator.replies import TIMELINE, json_reply
from autoscaler.emulator.streaming import Watch, stream_answer
from autoscaler.emulator.strikes import break_off, struck
from autoscaler.emulator.tenant import TOKENS

ENDPOINT = "/{name}/v1"


class Unserved(Exception):
    """A request that no engine gets to see; the gateway answers."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


def inference_routes() -> list[web.RouteDef]:
    """Chat, models, metrics and health of every deployment, relative to /inference."""
    return [
        web.post(ENDPOINT + "/chat/completions", _chat, name=Operation.CHAT),
        web.get(ENDPOINT + "/models", _models, name=Operation.MODELS),
        web.get("/{name}/metrics", _metrics, name=Operation.METRICS),
        web.get(ENDPOINT + "/metrics", _metrics),
        web.get("/{name}/health", _health),
    ]


def engine_error(status: int) -> web.Response:
    """Return an error in vLLM's form, for a fault."""
    kind = "InternalServerError" if status >= 500 else "BadRequestError"
    error: Json = {"message": "emulated fault", "type": kind, "param": None, "code": status}
    return json_reply({"error": error}, status=status)


@web.middleware
async def engine_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals into vLLM's and its framework's bodies."""
    try:
        return await handler(request)
    except ChatRefusal as refusal:
        return json_reply(refusal.body, status=refusal.status)
    except Unserved as refusal:
        return json_reply(refusal.body, status=refusal.status)
    except web.HTTPMethodNotAllowed:
        return json_reply({"detail": "Method Not Allowed"}, status=405)
    except web.HTTPNotFound:
        return json_reply({"detail": "Not Found"}, status=404)


async def _chat(request: web.Request) -> web.StreamResponse:
    unit = _serving_unit(request)
    _require_key(request)
    who = unit.identity
    chat = read_chat(
        await request.read(),
        model=who.model.model_id,
        max_model_len=who.max_model_len,
        serving=who.serving,
    )
    answer = _begin_answer(request, unit, chat)
    watch = _submit(request, unit, chat, cached_tokens=answer.cached_tokens)
    try:
        if chat.stream:
            return await stream_answer(request, watch, answer)
        return await _whole_answer(request, watch, answer)
    finally:
        watch.leave()


async def _whole_answer(request: web.Request, watch: Watch, answer: Answer) -> web.StreamResponse:
    timeline = request.config_dict[TIMELINE]
    while await watch.next_token(timeline.sleep_until) is not None:
        pass
    if not watch.is_complete:
        return break_off(request, reset=False)
    return json_reply(answer.whole())


async def _models(request: web.Request) -> web.Response:
    unit = _serving_unit(request)
    _require_key(request)
    who = unit.identity
    card: dict[str, Json] = {
        "id": who.model.model_id,
        "object": "model",
        "created": int(who.created_at),
        "owned_by": "vllm",
        "root": who.model.model_id,
        "parent": None,
        "max_model_len": who.max_model_len,
    }
    return json_reply({"object": "list", "data": [card]})


async def _metrics(request: web.Request) -> web.Response:
    """VLLM asks no key for these."""
    unit = _serving_unit(request)
    if not unit.identity.serving.engine_metrics:
        raise web.HTTPNotFound
    text = render_metrics(unit.fleet.gauges(), model=unit.identity.model.model_id)
    return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})


async def _health(request: web.Request) -> web.Response:
    _serving_unit(request)
    return web.Response()


def _serving_unit(request: web.Request) -> Unit:
    """Return the deployment, advanced to now. Raises Unserved where no replica can answer."""
    platform = request.config_dict[PLATFORM]
    unit = platform.named(request.match_info["name"])
    if unit is None:
        raise Unserved(404, {"detail": "Not Found"})
    unit.advance(platform.now())
    if not unit.is_serving:
        raise Unserved(503, {"detail": "no healthy upstream"})
    return unit


def _require_key(request: web.Request) -> None:
    """Raise Unserved (401) unless the request bears the project's inference key."""
    given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
    wanted = f"Bearer {request.config_dict[TOKENS].inference_key}".encode()
    if not hmac.compare_digest(given, wanted):
        raise Unserved(401, {"error": "Unauthorized"})


def _begin_answer(request: web.Request, unit: Unit, chat: ChatRequest) -> Answer:
    platform, who = request.config_dict[PLATFORM], unit.identity
    cached = 0
    if who.serving.prefix_caching:
        cached = unit.prefixes.admit(chat.prompt, salt=chat.cache_salt)
    other = struck(request, FaultKind.WRONG_MODEL)
    degenerate = struck(request, FaultKind.DEGENERATE_TEXT)
    return Answer(
        id=platform.new_completion_id(),
        created=int(platform.now()),
        chat=chat,
        serving=who.serving,
        cached_tokens=cached,
        model=other.word if other else chat.model,
        word=degenerate.word if degenerate else None,
    )


def _submit(request: web.Request, unit: Unit, chat: ChatRequest, *, cached_tokens: int) -> Watch:
    timeline = request.config_dict[TIMELINE]
    stream = unit.submit(
        timeline.now(),
        prompt_tokens=chat.prompt_tokens,
        output_tokens=chat.output_tokens,
        cached_tokens=cached_tokens,
    )
    return Watch(unit, stream, timeline)
