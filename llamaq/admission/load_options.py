"""Load options: the options that make Ollama load the model again when a request changes one of them."""

import hashlib

from llamaq.vocabulary.options import Options

LOAD_OPTIONS = (
    "num_ctx",
    "num_batch",
    "num_gpu",
    "main_gpu",
    "use_mmap",
    "use_mlock",
    "num_thread",
    "numa",
    "low_vram",
    "f16_kv",
    "logits_all",
    "vocab_only",
)
"""Fields of `llamaq.vocabulary.options.Options`."""
_LONGEST_KEY = 64


def load_options_key(options: Options) -> str:
    """The load options as a part of keys: `num_ctx=8192,num_gpu=0`; empty where none is set."""
    if not options.model_fields_set:
        return ""
    asked = [(name, getattr(options, name)) for name in LOAD_OPTIONS]
    key = ",".join(f"{name}={int(value)}" for name, value in asked if value is not None)
    return key if len(key) <= _LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()[:16]
