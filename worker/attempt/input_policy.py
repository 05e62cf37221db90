"""The input policy of this worker's settings."""

import re
from collections.abc import Callable

from llamaq.settings.lists import parse_list
from llamaq.vocabulary.models import matches_pattern
from tasks.input_policy.filter import Filter
from tasks.input_policy.policy import InputPolicy
from tasks.input_policy.token_escaping import compile_tokens
from worker.settings.environment import Settings


def make_input_policy(config: Settings, template: Callable[[str], str]) -> InputPolicy:
    """Make the input policy of one attempt; `template` gives a model's prompt template, or "" where it is not known."""
    pattern = re.compile(config.filter_pattern) if config.filter_pattern else None
    texts = Filter(pattern, config.filter_length)
    return InputPolicy(
        lambda model: compile_tokens(template(model)),
        texts,
        allow_raw=bool(config.allow_raw),
        pulls=lambda model: is_pull_allowed(model, config.pull_allowed),
    )


def is_pull_allowed(model: str, allowed: str) -> bool:
    """Whether a list of names and patterns (`llama3.2, qwen3:*`) has the model. A name without a tag is `:latest`."""
    return any(matches_pattern(model, pattern, any_tag=False) for pattern in parse_list(allowed))
