"""The page on OpenAI's API names every parameter that the gateway knows, and every one of OpenAI's is known."""

import re

import pytest

from gateway.openai import chat, completions, embeddings
from gateway.openai.parameters import Parameters
from tests.contract.built import CHECKOUT

ENDPOINTS: dict[str, tuple[type[Parameters], dict[str, str]]] = {
    "chat": (chat.ChatCompletion, chat.REFUSED),
    "completion": (completions.Completion, completions.REFUSED),
    "embedding": (embeddings.Embedding, embeddings.REFUSED),
}


def documented() -> set[str]:
    """The names in the first column of the table of parameters."""
    page = (CHECKOUT / "docs" / "http.md").read_text()
    section = page.partition("## OpenAI's API")[2].partition("### Parameters")[2].partition("### ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`(\w+)`", " ".join(rows)))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_each_parameter_is_in_the_table(endpoint: str) -> None:
    """Also those that are refused with a reason."""
    model, refused = ENDPOINTS[endpoint]
    assert (set(model.model_fields) | set(refused)) - documented() == set()


def test_the_table_has_nothing_else() -> None:
    """A parameter that is taken out leaves the table too."""
    known = {name for model, refused in ENDPOINTS.values() for name in (*model.model_fields, *refused)}
    assert documented() - known == set()
