"""Ollama's `options`. They are checked because Ollama answers 500 to a wrong type, or takes 5.5 for 5."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from llamaq.vocabulary.text_rules import COUNTED


class Options(BaseModel):
    """Runner and sampling options, with the names and types of Ollama's `api.Options`. The model has the defaults.

    A wrong type or an unknown name is refused, because Ollama ignores a misspelt option silently.
    """

    # The maximum length makes pydantic check the characters: see `llamaq.vocabulary.wire.Strict`.
    model_config = ConfigDict(defer_build=True, extra="forbid", strict=True, allow_inf_nan=False, str_max_length=2**31)

    # Load options: a change of one of them reloads the model.
    num_ctx: int | None = None
    num_batch: int | None = None
    num_gpu: int | None = None
    main_gpu: int | None = None
    use_mmap: bool | None = None
    use_mlock: bool | None = None
    num_thread: int | None = None
    numa: bool | None = None
    low_vram: bool | None = None
    f16_kv: bool | None = None
    logits_all: bool | None = None
    vocab_only: bool | None = None

    # Options of a single request.
    num_keep: int | None = None
    num_predict: int | None = None
    seed: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    tfs_z: float | None = None
    typical_p: float | None = None
    repeat_last_n: int | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    penalize_newline: bool | None = None
    stop: Annotated[list[str] | None, COUNTED] = None
