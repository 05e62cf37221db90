"""The parameters that several endpoints share, and the fields of a job that they become."""

from typing import Annotated, Any

from pydantic import Field

from gateway.openai.parameters import Parameters, only
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.kinds.request import Lane
from llamaq.vocabulary.options import Whole
from llamaq.vocabulary.requests import Kind

_LANES: dict[str, Lane] = {
    "auto": "normal",
    "default": "normal",
    "flex": "batch",
    "priority": "interactive",
    "fast": "interactive",
}
_ANSWERED = {"auto": "default", "fast": "priority"}
"""Tiers of a request whose answer names another tier, as in OpenAI's API."""
_NO_TIER = "the tiers are auto, default, flex (the lane batch), priority and fast (the lane interactive)"
Tier = Annotated[str, only(*_LANES, reason=_NO_TIER)]
Tokens = Annotated[Whole, Field(ge=1, le=2**31 - 1)]
Seed = Annotated[Whole, Field(ge=-(2**63), le=2**63 - 1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
_ONE_ANSWER = "Ollama gives one answer; send the request again for another"
_NO_BIAS = "Ollama cannot weigh single tokens"


class Shared(Parameters):
    """The parameters of each endpoint that runs a job.

    `user`, `safety_identifier` and `prompt_cache_key` have no effect.
    """

    model: str
    service_tier: Tier | None = None
    priority: Lane | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None

    def build_job(self, kind: Kind, **own: Any) -> dict[str, Any]:
        """The job of a kind, with those fields of its own that are not None.

        Raises:
            InvalidRequest: `priority` and `service_tier` contradict each other.
        """
        lane = lane_of(self.service_tier, self.priority)
        given = {"kind": kind, "model": self.model, "priority": lane, "metadata": self.metadata, **own}
        return {name: value for name, value in given.items() if value is not None}


class StreamOptions(Parameters):
    """Options of a stream."""

    include_usage: bool = False
    include_obfuscation: Annotated[bool, only(False, reason="chunks are not padded")] = False


class Generation(Shared):
    """The parameters of the endpoints that generate text."""

    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    seed: Seed | None = None
    stop: str | list[str] | None = None
    max_tokens: Tokens | None = None
    n: Annotated[int, only(1, reason=_ONE_ANSWER)] = 1
    logit_bias: Annotated[dict[str, float], only({}, reason=_NO_BIAS)] | None = None

    @property
    def echoed(self) -> dict[str, Any]:
        """The members that an answer has because the request has them."""
        tier = _ANSWERED.get(self.service_tier or "", self.service_tier)
        return {name: value for name, value in (("service_tier", tier), ("metadata", self.metadata)) if value}

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with the figures of usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    def build_options(self, most_tokens: int | None) -> dict[str, Any]:
        """Ollama's options. As Ollama's own endpoint, it takes OpenAI's defaults for `temperature` and `top_p`."""
        given = {
            "temperature": 1.0 if self.temperature is None else self.temperature,
            "top_p": 1.0 if self.top_p is None else self.top_p,
            "frequency_penalty": self.frequency_penalty,
            "presence_penalty": self.presence_penalty,
            "seed": self.seed,
            "stop": [self.stop] if isinstance(self.stop, str) else self.stop,
            "num_predict": most_tokens,
        }
        return {name: value for name, value in given.items() if value is not None}

    def check_stream_options(self) -> None:
        """Refuse `stream_options` without a stream.

        Raises:
            InvalidRequest: there is no stream.
        """
        if self.stream_options is not None and not self.stream:
            raise InvalidRequest.of("stream_options", "it is only for a stream: give stream: true", "invalid_value")


def lane_of(tier: str | None, priority: Lane | None) -> Lane | None:
    """The lane for a `service_tier` (`priority` is interactive, `flex` is batch), or as `priority` names it itself.

    Raises:
        InvalidRequest: the two contradict each other.
    """
    by_tier = _LANES[tier] if tier is not None else None
    if priority is not None and by_tier not in {None, priority}:
        raise InvalidRequest.of("priority", f"it contradicts the service_tier {tier!r}: give one", "invalid_value")
    return priority or by_tier


def parameter_of(job_field: str) -> str | None:
    """The parameter behind a field of a job that every endpoint has; None for other fields."""
    known = {"options.num_predict": "max_tokens", "priority": "service_tier", "think": "reasoning_effort"}
    if job_field in known:
        return known[job_field]
    return job_field.removeprefix("options.") if job_field.startswith(("options.", "metadata", "model")) else None
