"""The real engine: llama.cpp, from xllamacpp's wheel, over SmolLM2's weights."""

import asyncio
import os
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import xllamacpp

from embedded.engine.chatml import PARAMETERS, STOPS, TEMPLATE, drop_oldest, messages_of, render
from embedded.engine.closed_schema import close_schema
from embedded.engine.interface import Answer, Call, EngineError, Json, Model, Outcome, Piece, Vectors
from embedded.engine.lines import format_timestamp
from embedded.engine.llama_http import Address, LlamaServerGone, ask, stream
from embedded.engine.request_checks import make_overflow_error
from embedded.weights import SMOLLM2

# Ollama's defaults. Under a schema the repeat penalty is off, because it would penalise quotes and braces.
_SAMPLING: Json = {"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.0, "repeat_penalty": 1.1}
_RENAMED = {"num_predict": "n_predict", "num_keep": "n_keep"}
_TAKEN = frozenset(
    ("temperature", "top_k", "top_p", "min_p", "typical_p", "repeat_last_n", "repeat_penalty", "presence_penalty",
     "frequency_penalty", "seed", "num_keep")
)  # fmt: skip
# Keys and values of one token: 30 layers, 3 heads of 64, two bytes each, and the scratch buffers.
_BYTES_PER_TOKEN = 27_000
# When Ollama cuts a prompt, it keeps this many tokens of its head.
_KEPT_AT_HEAD = 5
_AFTER_LOAD_SECONDS = 0.01
_RUNNER_DIED = "an error was encountered while running the model: unexpected EOF"


def smollm2(model_file: Path, name: str = "smollm2:135m") -> Model:
    """The catalogue's entry for SmolLM2-135M-Instruct."""
    found = model_file.stat()
    return Model(
        name,
        size=found.st_size,
        digest=SMOLLM2.sha256,
        modified_at=format_timestamp(found.st_mtime),
        template=TEMPLATE,
        parameters=PARAMETERS,
    )


class LlamaEngine:
    """Loads one model file into this process.

    Args:
        model_file: SmolLM2's weights.
        model: Its entry in the catalogue.
        slots: Requests it decodes at a time; each gets a whole context.
        threads: That compute; None for one on each processor. They wait for each other by spinning.
    """

    def __init__(self, model_file: Path, model: Model, slots: int, threads: int | None = None) -> None:
        self._model_file = model_file
        self._model = model
        self._slots = slots
        self._computing = threads or _count_processors()
        # One thread starts and ends every server, one after the other: llama.cpp has global state (a backend, a log, a
        # shutdown handler), which a server that ends would take from one that starts.
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llama")

    @property
    def models(self) -> Sequence[Model]:
        """The one model."""
        return (self._model,)

    async def load(self, model: Model, context_length: int) -> "LlamaRunner":
        """Load the model. That takes about half a second, during which llama.cpp holds Python's lock.

        Raises:
            EngineError: 500: the file is no model.
        """
        key = secrets.token_urlsafe(16)
        server: list[Any] = []
        params = self._make_params(context_length, key)
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, _serve, params, server)
            # During the load no closed connection could be noticed. A client that left is noticed now.
            await asyncio.sleep(_AFTER_LOAD_SECONDS)
        except asyncio.CancelledError:
            # llama.cpp cannot be stopped while it loads, so the model is removed right after. The next load waits for
            # that on the same thread, and this request does not wait.
            self._threads.submit(server.clear)
            raise
        size = model.size + _BYTES_PER_TOKEN * context_length * self._slots
        return LlamaRunner(server, self._threads, key, context_length, size)

    def _make_params(self, context_length: int, key: str) -> Any:
        params = xllamacpp.CommonParams()
        params.model.path = str(self._model_file)
        params.n_parallel = self._slots
        params.n_ctx = context_length * self._slots
        params.n_batch = 512  # a prompt that nobody waits for any more is left between two batches
        params.cpuparams.n_threads = self._computing
        params.api_keys = [key]
        params.n_threads_http = 2 * self._slots + 2
        params.ctx_shift = True
        params.warmup = False
        params.ui = False
        params.endpoint_slots = False
        params.endpoint_metrics = True  # for `_serve`; it needs the key, as every path does
        # The default keeps up to 8 GB of old prompts in memory.
        params.cache_ram_mib = 0
        params.verbosity = 1
        return params


def _serve(params: Any, home: list[Any]) -> None:
    """Put the running server into the list. Clearing the list ends it."""
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise EngineError(500, f"unable to load model: {error}") from error
    # The constructor returns before the main loop has begun, and a loop that begins ignores an earlier request to end.
    # A server that is dropped in between would never end, and hold Python's lock. The main loop answers the request for
    # metrics, so the answer shows that it has begun.
    server.handle_metrics()
    home.append(server)


def _count_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class LlamaRunner:
    """A model in memory.

    Attributes:
        context_length: Tokens per slot.
        size: Bytes, estimated.
    """

    def __init__(
        self, server: list[Any], threads: ThreadPoolExecutor, key: str, context_length: int, size: int
    ) -> None:
        self.context_length = context_length
        self.size = size
        self._server = server
        self._threads = threads
        self._address = Address(urlsplit(server[0].listening_address).port or 0, key)

    async def generate(self, call: Call, answer: Answer) -> None:
        """Answer one call, token by token."""
        try:
            prompt = await self._fit_prompt(call)
            await self._decode(call, prompt, answer)
        except LlamaServerGone:
            raise EngineError(500, _RUNNER_DIED) from None

    async def embed(self, inputs: Sequence[str], dimensions: int | None) -> Vectors:  # noqa: ARG002 - the protocol
        """SmolLM2 makes no vectors."""
        raise EngineError(501, "This server does not support embeddings. Start it with `--embeddings`")

    async def count_tokens(self, text: str) -> int:
        """How many tokens the text has."""
        return len(await self._tokenize(text))

    async def close(self) -> None:
        """End llama.cpp's threads and free the memory."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._server.clear)

    async def _decode(self, call: Call, prompt: list[int], answer: Answer) -> None:
        tokens = list(prompt)
        events = stream(self._address, "/completion", self._build_request(call, prompt))
        try:
            async for event in events:
                tokens.extend(event.get("tokens", ()))
                if event.get("content"):
                    await answer.send_piece(Piece(event["content"]))
                if event["stop"]:
                    await answer.send_end(_make_outcome(event, () if call.body.get("raw") else tokens))
        finally:
            await events.aclose()

    def _build_request(self, call: Call, prompt: list[int]) -> Json:
        defaults = _SAMPLING if call.schema is None else _SAMPLING | {"repeat_penalty": 1.0}
        asked = {_RENAMED.get(name, name): value for name, value in call.options.items() if name in _TAKEN}
        request = {**defaults, **asked, "prompt": prompt, "stream": True, "return_tokens": True, "cache_prompt": True}
        request["n_predict"] = self._limit_tokens(call, len(prompt))
        request["stop"] = call.options.get("stop") or ([] if call.body.get("raw") else list(STOPS))
        if call.schema is not None:
            # With free whitespace a small model may generate endless blank lines.
            request["json_schema"] = {**close_schema(call.schema), "x-guidance": {"whitespace_flexible": False}}
        return request

    def _limit_tokens(self, call: Call, prompt_tokens: int) -> int:
        """Limit the tokens to generate. Zero and below set no limit, but Ollama stops after ten contexts."""
        asked = int(call.options.get("num_predict", -1))
        limit = asked if asked > 0 else 10 * self.context_length
        return limit if call.body.get("shift", True) else min(limit, self.context_length - prompt_tokens)

    async def _fit_prompt(self, call: Call) -> list[int]:
        """Fit the prompt's tokens into the context unless the client forbids it.

        Raises:
            EngineError: 400, too long and not to be cut.
        """
        tokens = await self._tokenize_prompt(call)
        if len(tokens) < self.context_length:
            return tokens
        if call.body.get("truncate", True):
            return self._cut_middle(tokens)
        raise make_overflow_error(len(tokens), self.context_length)

    async def _tokenize_prompt(self, call: Call) -> list[int]:
        if call.body.get("raw"):
            return await self._tokenize(call.body["prompt"])
        messages = messages_of(call)
        earlier = [int(token) for token in call.body.get("context", ())]
        tokens = earlier + await self._tokenize(render(messages))
        while len(tokens) >= self.context_length and call.body.get("truncate", True) and call.kind == "chat":
            shorter = drop_oldest(messages)
            if shorter is None:
                break
            messages = shorter
            tokens = await self._tokenize(render(messages))
        return tokens

    def _cut_middle(self, tokens: list[int]) -> list[int]:
        """Keep the head and the tail, together about half a context. Ollama does the same silently."""
        tail = (self.context_length - _KEPT_AT_HEAD) // 2
        return tokens[:_KEPT_AT_HEAD] + tokens[len(tokens) - tail :]

    async def _tokenize(self, text: str) -> list[int]:
        answer = await ask(self._address, "/tokenize", {"content": text, "add_special": True, "parse_special": True})
        tokens: list[int] = answer["tokens"]
        return tokens


def _make_outcome(event: Json, context: Sequence[int]) -> Outcome:
    timings = event["timings"]
    return Outcome(
        done_reason="length" if event["stop_type"] == "limit" else "stop",
        prompt_tokens=event["tokens_evaluated"],
        prompt_ns=int(timings["prompt_ms"] * 1e6),
        output_tokens=event["tokens_predicted"],
        output_ns=int(timings["predicted_ms"] * 1e6),
        context=context,
    )
