"""Patterns for Ollama's engine: a text that matches the given one matches the translation."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llamaq import InvalidRequest
from llamaq.extraction.engine.pattern import LONGEST, translate_pattern
from llamaq.extraction.schema import validator_of
from tests.unit.extraction.engine.engine_grammar import Grammar

unhurried = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SAFE = r"[^\x00-\x1F\x22\x5C\x7F]"


@pytest.mark.parametrize(
    ("pattern", "sent", "exact"),
    [
        (r"^\d+$", "^[0-9]+$", True),
        (r"^\w$", r"^[0-9A-Z\x5Fa-z]$", True),
        (r"^\D$", r"^[^\x00-\x1F\x220-9\x5C\x7F]$", True),
        ("^a.b$", f"^[a]{SAFE}[b]$", True),
        ("a", f"^{SAFE}*[a]{SAFE}*$", True),
        ("^a|b$", f"^([a]{SAFE}*|{SAFE}*[b])$", True),
        ("^(?:a|b){2}$", "^(([a]|[b])){2,2}$", True),
        ("^(?<name>a)+?$", "^[a]+$", True),
        (r"^\/\-\.$", r"^[\x2F][\x2D][\x2E]$", True),
        ("^[]-]$", None, False),
        (r"^[a\]-]$", r"^[\x2D\x5Da]$", True),
        (r"^\u00e9\x41$", "^[é][A]$", True),
        ("^(a|)b$", "^([a])?[b]$", True),
        ("^(a*)*$", "^[a]*$", True),
        ("^(a*b*)+$", "^(([a]|[b]))*$", True),
        ("^(?=.*a)b$", "^[b]$", False),
        (r"^a\b$", "^[a]$", False),
        (r"^(a)\1$", f"^[a]{SAFE}*$", False),
        (r"^\p{L}$", f"^{SAFE}$", False),
        (r"^[^\p{L}]$", f"^{SAFE}$", False),
        ("^a{2000}$", "^[a]+$", False),
        ("^(a{50}){50}$", "^([a]+){50,50}$", False),
        (r"^\\$", None, False),
        (r"^\n$", None, False),
        ("^(?i)a$", None, False),
        ("^" + "(" * 50 + ")" * 50 + "$", None, False),
        ("^" + "a" * LONGEST + "$", None, False),
    ],
)
def test_a_pattern_is_translated(pattern: str, sent: str | None, exact: bool) -> None:
    """To sets, groups and repeats; what has no such form is left out, and then it is not exact."""
    assert translate_pattern(pattern) == (None if sent is None else (sent, exact))


def _patterns() -> st.SearchStrategy[str]:
    """Patterns that are built, so that most of them are valid."""
    words = r"a b . \d \w \s \S [ab] [^a] [^\d] [a-c-] ^ $ \b \. é -"
    atoms = st.sampled_from([*words.split(), " "])
    counts = st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "{0}"])
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map("".join),
            st.lists(inner, min_size=1, max_size=3).map("|".join).map("({})".format),
            st.tuples(inner, counts).map(lambda both: f"(?:{both[0]}){both[1]}"),
            inner.map("(?={})".format),
            inner.map("(?!{})".format),
        ),
        max_leaves=8,
    )


@unhurried
@given(_patterns(), st.lists(st.text("ab1. é-", max_size=5), min_size=5, max_size=5))
def test_what_matches_a_pattern_matches_its_translation(pattern: str, texts: list[str]) -> None:
    """As a pattern of JSON Schema, and in the engine's grammar; an exact one matches nothing else."""
    found = translate_pattern(pattern)
    try:
        given_one = validator_of({"pattern": pattern})
    except InvalidRequest:
        return
    if found is None:
        return
    sent, exact = found
    schema = {"type": "string", "pattern": sent}
    again, grammar = validator_of(schema), Grammar(schema)
    for text in texts:
        matched = grammar.allows(text)
        assert again.is_valid(text) == matched
        assert matched or not given_one.is_valid(text)
        assert not exact or matched == given_one.is_valid(text)


@unhurried
@given(st.text("^$ab\\[](){}|?*+-.d0,", max_size=12))
def test_whatever_the_pattern_it_is_judged(pattern: str) -> None:
    """Also one that is no regular expression at all: an answer that every engine can read, and never an exception."""
    found = translate_pattern(pattern)
    assert found is None or re.compile(found[0])
