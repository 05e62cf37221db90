"""The metadata endpoints: the version, the models on disk and in memory, and one model in detail."""

import asyncio
import math
from typing import Any

from embedded.engine.interface import EngineError, Json, Model
from embedded.engine.lines import encode, format_timestamp
from embedded.engine.scheduler import Loaded
from embedded.ollama.reply import send_json
from embedded.ollama.server import VERSION, OllamaHandler
from ollama_api import bodies

# Ollama's time for a model that is never unloaded: the year 2319.
_FOREVER = "2319-03-04T17:24:29.562959875Z"


def _describe_details(model: Model) -> Json:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameter_size,
        "quantization_level": model.quantization_level,
    }


class Root(OllamaHandler):
    """`Ollama is running`."""

    async def get(self) -> None:
        """Answer in plain text."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write("Ollama is running")

    head = get


class Version(OllamaHandler):
    """The version of Ollama that this server behaves like."""

    async def get(self) -> None:
        """Answer."""
        send_json(self, 200, {"version": VERSION})

    head = get


class Tags(OllamaHandler):
    """The models on disk."""

    async def get(self) -> None:
        """Answer."""
        send_json(self, 200, {"models": [self._describe(model) for model in self.state.engine.models]})

    head = get

    @staticmethod
    def _describe(model: Model) -> Json:
        lengths = {"context_length": model.context_length, "embedding_length": model.embedding_length}
        return {
            "name": model.name,
            "model": model.name,
            "modified_at": model.modified_at,
            "size": model.size,
            "digest": model.digest,
            "details": {**_describe_details(model), **lengths},
            "capabilities": list(model.capabilities),
        }


class Processes(OllamaHandler):
    """The models in memory."""

    async def get(self) -> None:
        """Answer."""
        send_json(self, 200, {"models": [self._describe(loaded) for loaded in self.state.scheduler.loaded]})

    def _describe(self, loaded: Loaded) -> Json:
        return {
            "name": loaded.model.name,
            "model": loaded.model.name,
            "size": loaded.runner.size,
            "digest": loaded.model.digest,
            "details": _describe_details(loaded.model),
            "expires_at": self._format_expiry(loaded),
            "size_vram": 0,
            "context_length": loaded.runner.context_length,
        }

    def _format_expiry(self, loaded: Loaded) -> str:
        left = loaded.leaves_at - asyncio.get_running_loop().time()
        # Rounded: the two clocks differ by other microseconds each time, and Ollama's answer stays the same.
        return format_timestamp(round(self.state.clock.time() + left, 3)) if math.isfinite(left) else _FOREVER


class Show(OllamaHandler):
    """One model in detail."""

    async def post(self) -> None:
        """Answer, or 404."""
        await self.run_until_disconnect(self._show())

    async def _show(self) -> None:
        body = bodies.show(self.request.body)
        model = self.state.find_model(body.get("model") or body.get("name", ""))
        send_json(self, 200, self._describe(model))

    @staticmethod
    def _describe(model: Model) -> Json:
        return {
            "modelfile": f'FROM /models/blobs/sha256-{model.blob}\nTEMPLATE """{model.template}"""\n',
            "parameters": model.parameters,
            "template": model.template,
            "details": _describe_details(model),
            "model_info": _describe_model_info(model),
            "tensors": [{"name": "output_norm.weight", "type": "F32", "shape": [model.embedding_length]}],
            "capabilities": list(model.capabilities),
            "modified_at": model.modified_at,
            **({"license": model.license} if model.license else {}),
        }


def _describe_model_info(model: Model) -> dict[str, Any]:
    return {
        "general.architecture": model.family,
        f"{model.family}.context_length": model.context_length,
        f"{model.family}.embedding_length": model.embedding_length,
    }


class Pull(OllamaHandler):
    """A pull of a model of the catalogue succeeds. Any other fails, because there is no registry."""

    async def post(self) -> None:
        """Answer, as a stream unless told otherwise."""
        await self.run_until_disconnect(self._pull())

    async def _pull(self) -> None:
        body = bodies.pull(self.request.body)
        end = self._make_last_line(body.get("model") or body.get("name", ""))
        if body.get("stream", True):
            self.set_header("Content-Type", "application/x-ndjson")
            for line in ({"status": "pulling manifest"}, end):
                self.write(encode(line) + b"\n")
                await self.flush()
        else:
            send_json(self, 500 if "error" in end else 200, end, charset="error" not in end)

    def _make_last_line(self, name: str) -> Json:
        try:
            self.state.find_model(name)
        except EngineError:
            return {"error": "pull model manifest: file does not exist"}
        return {"status": "success"}
