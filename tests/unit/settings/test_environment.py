"""A producer's settings out of the environment."""

import pytest

from llamaq import InvalidRequest, JobQueue, Limits
from llamaq.settings.environment import read
from llamaq.settings.producer import Settings
from llamaq.store.keys import Keys

WHOLE = {
    "LLAMAQ_MAX_PROMPT_CHARS": lambda settings: settings.limits.prompt_chars,
    "LLAMAQ_MAX_IMAGE_BYTES": lambda settings: settings.limits.image_bytes,
    "LLAMAQ_MAX_IMAGE_PIXELS": lambda settings: settings.limits.image_pixels,
    "LLAMAQ_MAX_QUEUED": lambda settings: settings.max_queued,
    "LLAMAQ_RESULT_TTL": lambda settings: settings.result_ttl,
    "LLAMAQ_MAX_ATTEMPTS": lambda settings: settings.max_attempts,
}


def test_without_variables_the_defaults_are_the_contracts() -> None:
    """And an empty variable is one that is not set."""
    wanted = (
        "redis://127.0.0.1:6379/0",
        Settings(Keys("llamaq"), Limits(200_000, 20_971_520, 40_000_000), 10_000, 86_400, 3),
    )

    assert read({}) == wanted
    assert read(dict.fromkeys([*WHOLE, "LLAMAQ_REDIS_URL", "LLAMAQ_PREFIX"], "")) == wanted


@pytest.mark.parametrize("name", WHOLE)
def test_each_number_is_read_from_its_variable(name: str) -> None:
    """And from no other."""
    _, settings = read({name: "7"})

    assert WHOLE[name](settings) == 7
    assert [other for other in WHOLE if WHOLE[other](settings) == 7] == [name]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize(
    "value", ["0", "-1", "1.5", "many", "1e3", "²", "1_0", "\N{ARABIC-INDIC DIGIT SEVEN}", "nan", "9" * 20]
)
def test_a_bad_number_names_its_variable(name: str, value: str) -> None:
    """Who sets it sees which one, and what it was."""
    with pytest.raises(InvalidRequest, match=f"^{name}: must be a whole number from 1 to [0-9]+, not '{value}'"):
        read({name: value})


def test_control_characters_are_refused_unless_the_variable_says_otherwise() -> None:
    """And what it says must be one of the two."""
    assert read({"LLAMAQ_CONTROL_CHARACTERS": "remove"})[1].limits == Limits(control_characters="remove")
    with pytest.raises(InvalidRequest, match=r"^LLAMAQ_CONTROL_CHARACTERS: must be refuse or remove, not 'keep'"):
        read({"LLAMAQ_CONTROL_CHARACTERS": "keep"})


def test_a_queue_from_the_environment_has_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """`JobQueue.from_env()` reads the process' own variables; nothing connects."""
    monkeypatch.setenv("LLAMAQ_REDIS_URL", "redis://example.invalid:1/2")
    monkeypatch.setenv("LLAMAQ_PREFIX", "p")

    queue = JobQueue.from_env()

    assert (queue.url, queue.settings.keys.prefix) == ("redis://example.invalid:1/2", "p")
