"""The scripted engine: simulates the load of models, and plays the script of each request."""

import asyncio
import hashlib
import math
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from embedded.engine.interface import Call, EngineError, Model, Outcome, Vectors
from embedded.engine.lines import encode
from embedded.engine.request_checks import make_overflow_error
from embedded.ollama.reply import Reply
from embedded.scripted.dispatcher import VISIT, Visit
from embedded.scripted.faults import break_stream, break_whole
from embedded.scripted.frames import cut_at, encode_chunk, encode_line, make_frames, make_pieces, recut
from embedded.scripted.pacing import Frame, Wheel, send
from embedded.scripted.request_log import RequestLog
from embedded.scripted.script import Script, ScriptedModel

_NO_EMBEDDINGS = "This server does not support embeddings. Start it with `--embeddings`"


class Holds:
    """Named gates at which requests wait until they are released. A released gate stays open."""

    def __init__(self, request_log: RequestLog) -> None:
        self._request_log = request_log
        self._gates: dict[str, asyncio.Event] = {}

    async def wait(self, name: str) -> None:
        """Wait at a gate."""
        self._request_log.held[name] += 1
        self._request_log.touch()
        try:
            await self._gate(name).wait()
        finally:
            self._request_log.held[name] -= 1
            self._request_log.touch()

    def release(self, name: str) -> None:
        """Open a gate, for the waiting requests and for later ones."""
        self._gate(name).set()

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())


class ScriptedEngine:
    """The catalogue, and models whose load takes a scripted time."""

    def __init__(self, models: Sequence[ScriptedModel], request_log: RequestLog, holds: Holds) -> None:
        self._scripted = {model.name: model for model in models}
        self._request_log = request_log
        self._holds = holds
        self._wheel = Wheel()

    @property
    def models(self) -> Sequence[Model]:
        """The catalogue."""
        return [
            Model(
                item.name, item.capabilities, context_length=item.context_length,
                digest=hashlib.sha256(item.name.encode()).hexdigest(),
                weights=hashlib.sha256((item.weights or item.name).encode()).hexdigest(),
            )
            for item in self._scripted.values()
        ]  # fmt: skip

    def set_model(self, model: ScriptedModel) -> None:
        """Add a model or replace one."""
        self._scripted[model.name] = model

    def remove_model(self, name: str) -> None:
        """Remove a model from the disk. In memory it stays until it is unloaded."""
        self._scripted.pop(name, None)

    async def load(self, model: Model, context_length: int) -> "ScriptedRunner":
        """Wait for the model's `load_seconds`."""
        scripted = self._scripted[model.name]
        self._request_log.loading[model.name] += 1
        self._request_log.touch()
        try:
            await asyncio.sleep(scripted.load_seconds)
        except asyncio.CancelledError:
            self._request_log.aborted_loads[model.name] += 1
            raise
        finally:
            self._request_log.loading[model.name] -= 1
            self._request_log.touch()
        self._request_log.loads[model.name] += 1
        self._request_log.touch()
        return ScriptedRunner(scripted, context_length, self._request_log, self._holds, self._wheel)


class ScriptedRunner:
    """A model that plays scripts."""

    def __init__(
        self, model: ScriptedModel, context_length: int, request_log: RequestLog, holds: Holds, wheel: Wheel
    ) -> None:
        self.context_length = context_length
        self.size = 200_000_000
        self._model = model
        self._request_log = request_log
        self._holds = holds
        self._wheel = wheel

    async def generate(self, call: Call, answer: Reply) -> None:
        """Play the script of this request."""
        self._check_length(call)
        visit = VISIT.get()
        play = self._answer_streamed if call.stream else self._answer_whole
        await self._run_in_slot(visit, play(visit, call, answer))

    async def embed(self, inputs: Sequence[str], dimensions: int | None) -> Vectors:
        """The script's vectors, or generated ones of length 1."""
        if "embedding" not in self._model.capabilities:
            raise EngineError(501, _NO_EMBEDDINGS)
        visit = VISIT.get()
        await self._run_in_slot(visit, self._wait_before_headers(visit.script))
        width = dimensions or self._model.dimensions
        made_up = [_make_vector(text, width) for text in inputs]
        return Vectors(visit.script.embeddings or made_up, sum(len(text.split()) for text in inputs))

    async def count_tokens(self, text: str) -> int:
        """Count words as tokens."""
        return len(text.split())

    async def close(self) -> None:
        """Log the unload."""
        self._request_log.unloads[self._model.name] += 1
        self._request_log.touch()

    def _check_length(self, call: Call) -> None:
        tokens = len(_join_prompt(call).split())
        if call.body.get("truncate") is False and tokens >= self.context_length:
            raise make_overflow_error(tokens, self.context_length)

    async def _run_in_slot(self, visit: Visit, work: Coroutine[Any, Any, None]) -> None:
        """Do the work and log its slot. A client that leaves ends the work, unless the script ignores that."""
        self._request_log.start(visit.entry, self._model.name)
        task = asyncio.ensure_future(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not visit.script.ignore_disconnect:
                task.cancel()
            # Its errors do not matter, because the client has left.
            await asyncio.gather(task, return_exceptions=True)
            raise
        finally:
            self._request_log.stop(self._model.name, served=visit.entry.hung_up_at is None)

    async def _wait_before_headers(self, script: Script) -> None:
        if script.first_token_seconds:
            await asyncio.sleep(script.first_token_seconds)
        if script.hold is not None and script.hold_after == 0:
            await self._holds.wait(script.hold)

    async def _answer_streamed(self, visit: Visit, call: Call, answer: Reply) -> None:
        script = visit.script
        await self._wait_before_headers(script)
        if script.fault == "error" and script.fault_after == 0:
            raise EngineError(500, script.error)
        await answer.open()
        prepared = self._prepare_frames(call, script, answer)
        held_at = script.hold_after if script.hold is not None else 0
        await self._send(visit, prepared[:held_at])
        if script.hold is not None and held_at:
            await self._holds.wait(script.hold)
        await self._send(visit, prepared[held_at:])
        if script.fault is not None:
            if script.fault in ("cut", "reset", "utf8"):
                # The server closes the connection: it must not count as the client's hanging up.
                self._request_log.end(visit.entry)
            await break_stream(visit.stream, call, script, time.time())
        elif script.chunk_bytes is None:
            send(visit.stream, encode_chunk(self._encode_last_line(call, script, answer)))

    def _prepare_frames(self, call: Call, script: Script, answer: Reply) -> list[Frame]:
        """Prepare every chunk up to the fault or the last line."""
        now = time.time()
        if script.fault_at_byte is None and script.chunk_bytes is None:
            return make_frames(call, script, now)[: script.fault_after if script.fault else None]
        body = [encode_line(call, piece, now) for piece in make_pieces(script)] + [
            self._encode_last_line(call, script, answer)
        ]
        if script.fault_at_byte is not None:
            return [*cut_at(body, script.fault_at_byte)]
        return [*recut(b"".join(body), script.chunk_bytes or 1)]

    async def _send(self, visit: Visit, prepared: list[Frame]) -> None:
        if visit.script.rate is None:
            for frame in prepared:
                send(visit.stream, frame)
            visit.entry.sent += len(prepared)
        elif prepared:
            paced = self._wheel.start(visit.stream, iter(prepared), visit.script.rate)
            try:
                await paced.done
            finally:
                visit.entry.sent += paced.sent

    async def _answer_whole(self, visit: Visit, call: Call, answer: Reply) -> None:
        script = visit.script
        await self._wait_before_headers(script)
        said = make_pieces(script)
        if script.rate is not None:
            await asyncio.sleep(len(said) / script.rate)
        if script.fault == "error":
            raise EngineError(500, script.error)
        for piece in said:
            await answer.send_piece(piece)
        outcome = _make_outcome(call, script, len(said))
        if script.fault is None:
            await answer.send_end(outcome)
            return
        self._request_log.end(visit.entry)
        undone = {"done": False} if script.fault == "end" else {}
        await break_whole(visit.stream, script, encode({**answer.last_line(outcome), **undone}))

    def _encode_last_line(self, call: Call, script: Script, answer: Reply) -> bytes:
        return encode(answer.last_line(_make_outcome(call, script, len(make_pieces(script))))) + b"\n"


def _make_outcome(call: Call, script: Script, tokens: int) -> Outcome:
    took = int(tokens / script.rate * 1e9) if script.rate else 1_000_000
    context = () if call.body.get("raw") else (1, 4093, 198)
    return Outcome(
        script.done_reason, len(_join_prompt(call).split()) + 2, 1_000_000, tokens, took, context, extra=script.final
    )  # fmt: skip


def _join_prompt(call: Call) -> str:
    if call.kind == "generate":
        return str(call.body["prompt"])
    return " ".join(str(message.get("content", "")) for message in call.body["messages"])


def _make_vector(text: str, width: int) -> list[float]:
    """Make a vector. The same text gives the same one."""
    seed = hashlib.sha256(text.encode()).digest()
    raw = [seed[index % len(seed)] - 127.5 for index in range(width)]
    length = math.sqrt(sum(value * value for value in raw))
    return [value / length for value in raw]
