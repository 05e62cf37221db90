"""Ollama's `options`. They are checked because Ollama answers 500 to a wrong type, or takes 5.5 for 5."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from llamaq.vocabulary.text_rules import COUNTED
from llamaq.vocabulary.wire import Strict


def _convert_whole(value: Any) -> Any:
    """4096.0 is 4096: JSON has one type of numbers, and so has Ollama's reader."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _drop_empty_texts(value: Any) -> Any:
    """Drop empty texts, which stand before every answer. Where none is left, those of the model apply."""
    return ([text for text in value if text != ""] or None) if isinstance(value, list) and "" in value else value


Whole = Annotated[int, BeforeValidator(_convert_whole)]


class Options(Strict):
    """Runner and sampling options, with the names and types of Ollama's `api.Options`. The model has the defaults.

    A wrong type or an unknown name is refused, because Ollama ignores a misspelt option silently. An empty text in
    `stop` is left out, because it would end each answer before its first token.
    """

    # Load options: a change of one of them reloads the model.
    num_ctx: Whole | None = None
    num_batch: Whole | None = None
    num_gpu: Whole | None = None
    main_gpu: Whole | None = None
    use_mmap: bool | None = None
    use_mlock: bool | None = None
    num_thread: Whole | None = None
    numa: bool | None = None
    low_vram: bool | None = None
    f16_kv: bool | None = None
    logits_all: bool | None = None
    vocab_only: bool | None = None

    # Options of a single request.
    num_keep: Whole | None = None
    num_predict: Whole | None = None
    seed: Whole | None = None
    temperature: float | None = None
    top_k: Whole | None = None
    top_p: float | None = None
    min_p: float | None = None
    tfs_z: float | None = None
    typical_p: float | None = None
    repeat_last_n: Whole | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    mirostat: Whole | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    penalize_newline: bool | None = None
    stop: Annotated[list[str] | None, BeforeValidator(_drop_empty_texts), COUNTED] = None
