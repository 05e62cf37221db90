"""Log probabilities of tokens, in the two forms that OpenAI's API has."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

Tokens = Sequence[Mapping[str, Any]]
"""Ollama's objects: `token`, `logprob`, `bytes`, and `top_logprobs` where they were asked for."""


def chat_logprobs(found: Tokens | None) -> dict[str, Any] | None:
    """The `logprobs` of a choice of a chat; None where there are none."""
    return {"content": [_entry(token) for token in found], "refusal": None} if found else None


def completion_logprobs(found: Tokens | None, offset: int = 0) -> dict[str, Any] | None:
    """The `logprobs` of a choice of a completion, as lists; None where there are none.

    Args:
        found: the tokens.
        offset: characters of the answer before them.
    """
    if not found:
        return None
    tokens = [str(token.get("token", "")) for token in found]
    return {
        "tokens": tokens,
        "token_logprobs": [token.get("logprob") for token in found],
        "top_logprobs": [{str(top.get("token", "")): top.get("logprob") for top in _top(token)} for token in found],
        "text_offset": list(accumulate(map(len, tokens[:-1]), initial=offset)),
    }


def _entry(token: Mapping[str, Any]) -> dict[str, Any]:
    return {**_token_fields(token), "top_logprobs": [_token_fields(top) for top in _top(token)]}


def _token_fields(token: Mapping[str, Any]) -> dict[str, Any]:
    return {"token": token.get("token", ""), "logprob": token.get("logprob"), "bytes": token.get("bytes")}


def _top(token: Mapping[str, Any]) -> Tokens:
    top: Tokens = token.get("top_logprobs") or ()
    return top
