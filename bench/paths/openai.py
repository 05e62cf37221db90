"""A server that speaks OpenAI's API, as `direct`: one thread and one connection for each answer."""

import json

from bench.paths.direct import Direct


class OpenAi(Direct):
    """`/v1/chat/completions`, as Server-Sent Events."""

    ENDPOINT = "/v1/chat/completions"

    def _body(self) -> dict[str, object]:
        return {"model": self._model, "messages": [{"role": "user", "content": "go"}], "stream": True}

    def _text(self, line: bytes) -> str:
        if not line.startswith(b"data: {"):
            return ""
        choices = json.loads(line.removeprefix(b"data: "))["choices"]
        return (choices[0]["delta"].get("content") or "") if choices else ""
