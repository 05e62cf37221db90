"""Names of models, as Ollama takes them; and what looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq.vocabulary.models import find_near_matches, normalise


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("llama3.2", "llama3.2:latest"),
        ("Llama3.2", "llama3.2:latest"),
        (" llama3.2 ", "llama3.2:latest"),
        ("llama3.2:1B", "llama3.2:1b"),
        ("user/model", "user/model:latest"),
        ("host.example:5000/user/model", "host.example:5000/user/model:latest"),
        ("host.example:5000/user/model:7b", "host.example:5000/user/model:7b"),
        ("hf.co/Some/Model-GGUF:Q4_K_M", "hf.co/some/model-gguf:q4_k_m"),
        ("library/x", "x:latest"),
        ("registry.ollama.ai/library/X:7b", "x:7b"),
        ("https://registry.ollama.ai/library/x", "x:latest"),
        ("registry.ollama.ai/user/x", "user/x:latest"),
        ("registry.ollama.ai/x", "registry.ollama.ai/x:latest"),
        ("library/user/x", "library/user/x:latest"),
        ("user/library", "user/library:latest"),
        ("hf.co/library/x", "hf.co/library/x:latest"),
    ],
)
def test_a_name_gets_its_tag_and_loses_its_case(given_name: str, name: str) -> None:
    """No tag means `:latest`; a port in a host's name is not a tag."""
    assert normalise(given_name) == name


@given(st.text(min_size=1))
def test_a_normal_name_is_normal(name: str) -> None:
    """Normalising twice is normalising once, and there is always a tag."""
    once = normalise(name)
    assert normalise(once) == once or once != once.strip()
    assert ":" in once


@given(st.text("abcDEF/.-_0123456789", min_size=1))
def test_case_makes_no_difference(name: str) -> None:
    """Two spellings of one name are one model."""
    assert normalise(name.upper()) == normalise(name.lower())


def test_near_matches_are_few_and_the_family_comes_first() -> None:
    """Another tag of the same model is the likeliest wish; then names that look alike; at most three, none twice."""
    offered = ["llama3.2:1b", "llama3.2:3b", "llama3.1:latest", "qwen3:latest", "llama3.2:1b"]

    assert find_near_matches("llama3.2:latest", offered)[:2] == ["llama3.2:1b", "llama3.2:3b"]
    assert len(find_near_matches("llama3.2:latest", offered)) == 3
    assert find_near_matches("qwen33:latest", offered) == ["qwen3:latest"]
    assert find_near_matches("zzz:9", offered) == []


@given(st.text(), st.lists(st.text()))
def test_near_matches_are_always_offered(name: str, offered: list[str]) -> None:
    """Whatever was asked for."""
    found = find_near_matches(name, offered)
    assert len(found) <= 3
    assert len(set(found)) == len(found)
    assert set(found) <= set(offered)
