"""`/api/generate` and `/api/chat`: from a request to a slot on a model in memory."""

import base64
from dataclasses import replace
from typing import ClassVar, Literal

from embedded.engine.interface import Call, EngineError, Json, Model
from embedded.engine.lines import bare_line
from embedded.engine.request_checks import check_images, check_thinking, read_schema
from embedded.engine.scheduler import Loaded
from embedded.ollama.reply import Reply, send_json
from embedded.ollama.server import OllamaHandler, context_length
from ollama_api import bodies
from ollama_api.options import read_options

# Some of Ollama's errors name a model without a namespace by its full name.
_LIBRARY = "registry.ollama.ai/library/"
_READERS = {"generate": bodies.generate, "chat": bodies.chat}


class _Generation(OllamaHandler):
    """The part that both endpoints share. The checks are in Ollama's order, because the first failure is reported."""

    kind: ClassVar[Literal["generate", "chat"]]

    async def post(self) -> None:
        """Answer with tokens, or load or unload the model where there is no prompt."""
        self._started = self.state.clock.monotonic()
        await self.run_until_disconnect(self._serve())

    def is_load_only(self, body: Json) -> bool:
        """Whether the request only loads or unloads the model."""
        raise NotImplementedError

    def check_abilities(self, body: Json, model: Model, name: str) -> None:
        """Refuse a request that the model lacks a capability for.

        Raises:
            EngineError: 400.
        """
        raise NotImplementedError

    async def _serve(self) -> None:
        body = _READERS[self.kind](self.request.body)
        name = body.get("model", "")
        model = self._find_model(name)
        keep_alive = self.state.keep_alive_of(body)
        if self.is_load_only(body) and keep_alive == 0:
            await self.state.scheduler.unload(model)
            self._send_bare(Call(self.kind, model, name, body, stream=False, options={}), "unload")
            return
        check_thinking(body, model, name)
        self.check_abilities(body, model, name)
        call = self._build_call(model, name, body)
        length = context_length(call.options, model.context_length)
        async with self.state.scheduler.hold(model, length, keep_alive) as loaded:
            await self._answer(call, loaded)

    def _find_model(self, name: str) -> Model:
        return self.state.find_model(name)

    def _build_call(self, model: Model, name: str, body: Json) -> Call:
        options = read_options(body.get("options", {}))
        return Call(
            self.kind, model, name, body, stream=body.get("stream", True), options=options, images=_decode_images(body)
        )

    async def _answer(self, call: Call, loaded: Loaded) -> None:
        if self.is_load_only(call.body):
            self._send_bare(call, "load")
            return
        call = replace(call, schema=read_schema(call.body))
        reply = Reply(self, call, self.state.clock, self._started)
        try:
            check_images(call.images, call.model)
            # The wait for a slot counts as loading: during both, no header is sent.
            async with loaded.slots:
                reply.load_ns = int((self.state.clock.monotonic() - self._started) * 1e9)
                await loaded.runner.generate(call, reply)
        except EngineError as error:
            await reply.send_error(error.status, error.message)
        if not self._finished:
            self.finish()

    def _send_bare(self, call: Call, done_reason: str) -> None:
        send_json(self, 200, bare_line(call, done_reason, self.state.clock.time()))


class Generate(_Generation):
    """A prompt in, text out."""

    kind = "generate"

    def is_load_only(self, body: Json) -> bool:
        """No prompt."""
        return not body.get("prompt")

    def check_abilities(self, body: Json, model: Model, name: str) -> None:
        """Text at all, and a suffix where one is given."""
        if "completion" not in model.capabilities:
            raise EngineError(400, f'"{name}" does not support generate')
        if body.get("suffix") and "insert" not in model.capabilities:
            raise EngineError(400, f"{_LIBRARY}{model.name} does not support insert")


class Chat(_Generation):
    """Messages in, a message out."""

    kind = "chat"

    def is_load_only(self, body: Json) -> bool:
        """No messages."""
        return not body.get("messages")

    def check_abilities(self, body: Json, model: Model, name: str) -> None:
        """Text at all, and tools where some are given."""
        if "completion" not in model.capabilities:
            raise EngineError(400, f'"{name}" does not support chat')
        if body.get("tools") and "tools" not in model.capabilities:
            raise EngineError(400, f"{_LIBRARY}{model.name} does not support tools")

    def _find_model(self, name: str) -> Model:
        if not name:
            raise EngineError(400, "model is required")
        return super()._find_model(name)


def _decode_images(body: Json) -> tuple[bytes, ...]:
    """Decode all images of a request, of its messages too, in order."""
    carriers = [body, *body.get("messages", ())]
    return tuple(base64.b64decode(image) for carrier in carriers for image in carrier.get("images", ()))
