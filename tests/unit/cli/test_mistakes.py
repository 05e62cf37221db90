"""A misspelt command or option is answered with what was meant; nothing is asked of Redis."""

from collections.abc import Iterator

import click
import pytest

from llamaq.cli.app import app
from tests.unit.cli.conftest import Here

OPTIONS = {
    "--temprature": "it is one of Ollama's options: -o temperature=...",
    "--temperature": "-o temperature=...",
    "--num-ctx": "-o num_ctx=...",
    "--max_tokens": "-o num_predict=...",
    "--top-p": "-o top_p=...",
    "--stop": "-o stop=...",
    "--sytem": "did you mean --system?",
    "--priorty": "did you mean --priority?",
    "--deadlin": "did you mean --deadline?",
    "--keepalive": "did you mean --keep-alive?",
    "--start-afer": "did you mean --start-after?",
    "--tenat": "did you mean --tenant?",
    "--url": "did you mean --redis-url?",
    "--options": "did you mean --option?",
    "--model": "MODEL is an argument, without a name before it",
    "--promt": "PROMPT is an argument",
    "--stream": "an answer is printed as it comes",
    "--timeout": "--deadline limits the running time",
    "--colour": "--help lists them",
}
COMMANDS = {
    "generat": "did you mean generate?",
    "chta": "did you mean chat?",
    "job": "did you mean jobs?",
    "wokers": "did you mean workers?",
    "extrcat": "did you mean extract?",
    "folow": "did you mean follow?",
    "run": "here it is generate or chat",
    "ls": "here it is models (or jobs)",
    "stop": "here it is unload for a model, cancel for a job",
    "logs": "here it is follow",
    "xyz": "--help lists them",
}
OTHERS = {
    "load m --num-ctx 5": "-o num_ctx=...",
    "pull m --temperature 1": "--help lists them",
    "generate m x -o max_tokens=1": "did you mean num_predict?",
    "generate m x -o num-ctx=1": "did you mean num_ctx?",
    "generate m x -o temprature=1": "did you mean temperature?",
    "generate m x --think high": "write --think=high",
    "pause gpu-1": "--host gpu-1 or --model gpu-1",
    "resume gpu-1": "--host gpu-1 or --model gpu-1",
    "--redis-ur x models": "did you mean --redis-url?",
    "--verson": "did you mean --version?",
    "conversation sho x": "did you mean show?",
    "conversation rm x": "--help lists them",
    "conversation show x --tenat a": "did you mean --tenant?",
    f"jobs --limit {10**30}": "1<=x<=1000000",
    f"dead --limit {10**30}": "1<=x<=1000000",
    f"conversation list --limit {10**30}": "1<=x<=1000000",
}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        *((f"generate m x {option} 1", said) for option, said in OPTIONS.items()),
        *((f"{command} m x", said) for command, said in COMMANDS.items()),
        *OTHERS.items(),
    ],
)
def test_it_is_said_what_was_meant(here: Here, words: str, said: str) -> None:
    """In the last line, with exit code 2."""
    ran = here(*words.split())

    assert ran.code == 2
    assert said in ran.err.splitlines()[-1]


def test_each_number_is_read_as_it_is_written() -> None:
    """Python would take `1_0` as 10, and the digits of each script."""
    numbers = click.types.IntParamType | click.types.FloatParamType
    found = [option for option in _parameters(app) if isinstance(option.type, numbers)]

    assert len(found) > 20
    for option in found:
        for text in ("1_0", "\N{ARABIC-INDIC DIGIT SEVEN}"):
            with pytest.raises(click.BadParameter, match=f"'{text}' is not a valid"):
                option.type.convert(text, option, None)


def _parameters(command: click.Command) -> Iterator[click.Parameter]:
    yield from command.params
    for one in getattr(command, "commands", {}).values():
        yield from _parameters(one)


@pytest.mark.parametrize("words", [("--help",), ("conversation", "--help")])
def test_the_list_of_commands_has_whole_lines(here: Here, words: tuple[str, ...]) -> None:
    """One for each command, also on a narrow terminal."""
    listed = here(*words).out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()

    group = app.commands["conversation"] if len(words) > 1 else app
    assert isinstance(group, click.Group)
    assert len(listed) == len(group.commands)
    assert [line for line in listed if line.endswith("...") or len(line) > 80] == []


def test_a_setting_is_not_called_a_request(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that queues nothing has no request."""
    monkeypatch.setenv("LLAMAQ_MAX_QUEUED", "many")
    of_a_setting = here("models").err.splitlines()
    monkeypatch.delenv("LLAMAQ_MAX_QUEUED")
    of_a_request = here("generate", "m", "").err.splitlines()

    assert of_a_setting[0] == "Error: a setting is not valid, and nothing was queued"
    assert of_a_setting[1].startswith("  LLAMAQ_MAX_QUEUED: ")
    assert of_a_request[0] == "Error: the request is not valid, and nothing was queued"


def test_no_redis_at_the_address_of_the_option(here: Here) -> None:
    """The option is named, and not the variable that it overrides."""
    said = here("models", "--redis-url", "redis://127.0.0.1:1/0").err

    assert "The address is --redis-url" in said
    assert "LLAMAQ_REDIS_URL" not in said
