"""`/api/embed` and the older `/api/embeddings`."""

from embedded.engine.interface import EngineError, Json, Runner, Vectors
from embedded.ollama.reply import send_json
from embedded.ollama.server import OllamaHandler, context_length
from ollama_api import bodies
from ollama_api.options import read_options

_MISSING = 'model "{}" not found, try pulling it first'
_TOO_LONG = "the input length exceeds the context length"
_EMPTY_AMONG = "input exceeds maximum context length and cannot be truncated further"
# One batch of the engine, without the tokens that it adds at both ends. Longer inputs are cut or refused.
_LONGEST_INPUT = 2046


class _Embedding(OllamaHandler):
    """The part that both endpoints share."""

    async def _compute_vectors(self, body: Json, inputs: list[str]) -> tuple[Vectors, int]:
        """Compute the vectors, and the nanoseconds until the model was loaded."""
        started = self.state.clock.monotonic()
        model = self.state.find_model(body.get("model", ""), _MISSING)
        options = read_options(body.get("options", {}))
        keep_alive = self.state.keep_alive_of(body)
        length = context_length(options, model.context_length)
        async with self.state.scheduler.hold(model, length, keep_alive) as loaded:
            waited = int((self.state.clock.monotonic() - started) * 1e9)
            if not inputs:
                return Vectors([], 0), waited
            async with loaded.slots:
                fitting = [await _fit(text, loaded.runner, truncate=body.get("truncate", True)) for text in inputs]
                return await loaded.runner.embed(fitting, body.get("dimensions")), waited


class Embed(_Embedding):
    """One or many inputs."""

    async def post(self) -> None:
        """Answer with one vector per input."""
        await self.run_until_disconnect(self._embed())

    async def _embed(self) -> None:
        started = self.state.clock.monotonic()
        body = bodies.embed(self.request.body)
        vectors, waited = await self._compute_vectors(body, _read_inputs(body.get("input")))
        answer: Json = {"model": body.get("model", ""), "embeddings": vectors.embeddings}
        if vectors.embeddings:
            took = int((self.state.clock.monotonic() - started) * 1e9)
            answer |= {"total_duration": took, "load_duration": waited, "prompt_eval_count": vectors.prompt_tokens}
        send_json(self, 200, answer)


class Embeddings(_Embedding):
    """The older form: one prompt, one vector."""

    async def post(self) -> None:
        """Answer with one vector."""
        await self.run_until_disconnect(self._embed())

    async def _embed(self) -> None:
        body = bodies.embeddings(self.request.body)
        prompt = body.get("prompt")
        try:
            vectors, _ = await self._compute_vectors(body, [prompt] if prompt else [])
        except EngineError as error:
            # The engine's error is a 501 at the newer endpoint and a 500 here.
            raise EngineError(500 if error.status == 501 else error.status, error.message) from None
        send_json(self, 200, {"embedding": vectors.embeddings[0] if vectors.embeddings else []})


def _read_inputs(value: object) -> list[str]:
    """Read the inputs. Raises EngineError, 400, for anything but a string or a list of them."""
    if value is None or value == "":
        return []
    given = value if isinstance(value, list) else [value]
    inputs = [item for item in given if isinstance(item, str)]
    if len(inputs) != len(given):
        raise EngineError(400, "invalid input type")
    if "" in inputs:
        raise EngineError(400, _EMPTY_AMONG)
    return inputs


async def _fit(text: str, runner: Runner, *, truncate: bool) -> str:
    """The input, cut to what fits. Raises EngineError, 400, where it may not be cut."""
    limit = min(_LONGEST_INPUT, runner.context_length)
    tokens = await runner.count_tokens(text)
    if tokens <= limit:
        return text
    if not truncate:
        raise EngineError(400, _TOO_LONG)
    return text[: len(text) * limit // tokens]
