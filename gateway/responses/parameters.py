"""The parameters of `/v1/responses`, and their translation into those of a chat completion."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.openai.chat import Effort
from gateway.openai.generation import Shared, StreamOptions, Tokens
from gateway.openai.parameters import Parameters, only, unsupported
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject

REFUSED = {
    "conversation": "name the response before this one: previous_response_id",
    "prompt": "no prompts are kept here; send its text",
    "context_management": "nothing is compacted; truncation: auto leaves the oldest messages out",
    "max_tool_calls": "it is about OpenAI's own tools, and there are none here",
    "moderation": "Ollama does not moderate",
    "image": "Ollama makes no images",
}
ENCRYPTED = "reasoning.encrypted_content"
_MOST_PAIRS, _MOST_NAME, _MOST_TEXT = 16, 64, 512  # OpenAI's own limits


class _Tool(Parameters):
    type: Annotated[str, only("function", reason="Ollama calls functions alone; OpenAI's own tools do not run here")]
    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class _TextFormat(Parameters):
    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    description: str | None = None
    json_schema: JsonObject | None = Field(default=None, alias="schema")
    strict: bool | None = None


class _Text(Parameters):
    format: _TextFormat = _TextFormat()
    verbosity: Annotated[str, only("medium", reason="Ollama has no measure of it; ask for it in the instructions")] = (
        "medium"
    )


class _Reasoning(Parameters):
    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None


class Response(Shared):
    """The parameters. `prompt_cache_retention` and `client_metadata`, which Codex sends, have no effect."""

    input: Any = None
    instructions: str | None = None
    previous_response_id: str | None = None
    background: bool = False
    store: bool = True
    stream: bool = False
    stream_options: StreamOptions | None = None
    tools: list[_Tool] = Field(default_factory=list)
    tool_choice: Any = "auto"
    parallel_tool_calls: bool = True
    text: _Text = _Text()
    reasoning: _Reasoning = _Reasoning()
    max_output_tokens: Tokens | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, only(0, reason="answers have none here; /v1/chat/completions has them")] = 0
    truncation: Literal["auto", "disabled"] = "disabled"
    include: Annotated[list[str], Field(max_length=10)] = Field(default_factory=list)
    prompt_cache_retention: str | None = None
    client_metadata: JsonObject | None = None

    def check(self) -> None:
        """Check what one parameter says of another.

        Raises:
            InvalidRequest: names it.
        """
        if self.background and not self.store:
            raise InvalidRequest.of(
                "background", "a background response is kept: leave store: false out", "invalid_value"
            )
        if self.stream_options is not None and not self.stream:
            raise InvalidRequest.of("stream_options", "it is only for a stream: give stream: true", "invalid_value")
        for number, each in enumerate(self.include):
            if each != ENCRYPTED:
                raise unsupported(f"include[{number}]", f"{each[:80]!r} is nothing that Ollama has")
        self._check_metadata()

    def _check_metadata(self) -> None:
        pairs = self.metadata or {}
        if len(pairs) > _MOST_PAIRS:
            raise InvalidRequest.of("metadata", f"at most {_MOST_PAIRS} pairs", "invalid_value")
        for name, text in pairs.items():
            if len(name) > _MOST_NAME or len(text) > _MOST_TEXT:
                what = f"at most {_MOST_NAME} characters of a name, and {_MOST_TEXT} of a text"
                raise InvalidRequest.of(f"metadata.{name[:_MOST_NAME]}", what, "invalid_value")

    def to_chat(self, messages: Sequence[JsonObject]) -> dict[str, Any]:
        """Build the body of the chat completion that asks for the same."""
        parameters = {
            "model": self.model,
            "messages": list(messages),
            "service_tier": self.service_tier,
            "priority": self.priority,
            "metadata": self.metadata,
            "tools": [_nest_function(tool.model_dump(exclude_none=True)) for tool in self.tools] or None,
            "tool_choice": _translate_choice(self.tool_choice),
            "parallel_tool_calls": self.parallel_tool_calls,
            "response_format": self._response_format(),
            "reasoning_effort": self.reasoning.effort,
            "max_completion_tokens": self.max_output_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
        }
        return {name: value for name, value in parameters.items() if value is not None}

    def _response_format(self) -> JsonObject:
        given = self.text.format.model_dump(by_alias=True, exclude_none=True)
        kind = given.pop("type")
        return {"type": kind, "json_schema": given} if kind == "json_schema" else {"type": kind}

    @property
    def echo(self) -> dict[str, Any]:
        """The members of the answer that the request has, with their defaults."""
        tools = [{"description": None, "parameters": None, "strict": None} | tool.model_dump() for tool in self.tools]
        return {
            "background": self.background,
            "instructions": self.instructions,
            "max_output_tokens": self.max_output_tokens,
            "max_tool_calls": None,
            "metadata": self.metadata or {},
            "model": self.model,
            "parallel_tool_calls": self.parallel_tool_calls,
            "previous_response_id": self.previous_response_id,
            "prompt_cache_key": self.prompt_cache_key,
            "reasoning": {"effort": self.reasoning.effort, "summary": self.reasoning.summary},
            "safety_identifier": self.safety_identifier,
            "service_tier": "default" if self.service_tier in {None, "auto"} else self.service_tier,
            "store": self.store,
            "temperature": 1.0 if self.temperature is None else self.temperature,
            "text": self.text.model_dump(by_alias=True, exclude_none=True),
            "tool_choice": self.tool_choice,
            "tools": tools,
            "top_logprobs": 0,
            "top_p": 1.0 if self.top_p is None else self.top_p,
            "truncation": self.truncation,
            "user": self.user,
        }


def _nest_function(tool: JsonObject) -> JsonObject:
    """Nest the function of a tool, as chat completions have it."""
    kind = tool.pop("type")
    return {"type": kind, "function": tool}


def _translate_choice(choice: Any) -> Any:
    """Translate a choice of tools as chat completions have it. Anything else stays as it is, and is refused there."""
    match choice:
        case {"type": "function", "name": name}:
            return {"type": "function", "function": {"name": name}}
        case {"type": "allowed_tools", "mode": mode, "tools": list(tools)}:
            return {
                "type": "allowed_tools",
                "allowed_tools": {"mode": mode, "tools": [_translate_choice(tool) for tool in tools]},
            }
    return choice


def parameter_of(chat: str) -> str:
    """The parameter behind one of the chat completion."""
    known = {
        "max_completion_tokens": "max_output_tokens",
        "max_tokens": "max_output_tokens",
        "reasoning_effort": "reasoning.effort",
        "response_format": "text.format",
    }
    for name, own in (("response_format.json_schema", "text.format"), *known.items()):
        if chat == name or chat.startswith((f"{name}.", f"{name}[")):
            return own + chat.removeprefix(name)
    return chat.replace("].function", "]", 1) if chat.startswith("tools[") else chat
