"""Schemas nobody would write: each is taken or refused with the place, and what is sent takes all that is valid."""

import json
from random import Random
from typing import Any

import pytest

from llamaq import InvalidRequest
from llamaq.extraction.engine.grammar import MOST_CHARS, translate_schema
from llamaq.extraction.schema import check_schema, validator_of
from tests.fuzz import schemas
from tests.fuzz.conftest import SECONDS, seeds
from tests.unit.extraction.engine.engine_grammar import Grammar
from tests.unit.extraction.habits import HABITS

VALUES = 12
"""Values tried with each schema."""
SHARE = 1 / 3
"""Of the time of a door: there is no worker to wait for."""


@pytest.mark.timeout(SECONDS + 60)
def test_schemas() -> None:
    """Random ones, and those of the SDKs with parts replaced."""
    taken = valid = 0
    for seed in seeds("schemas", SHARE):
        rng = Random(seed)
        given = schemas.draw_schema(rng) if rng.random() < 0.6 else schemas.mutate(rng, rng.choice(HABITS).schema)
        try:
            found = _check(rng, given)
        except Exception as error:
            error.add_note(f"seed {seed}: {json.dumps(given)[:2000]}")
            raise
        taken += found is not None
        valid += found or 0
    assert taken
    assert valid


def _check(rng: Random, given: Any) -> int | None:
    """The number of valid values that were tried; None where the schema is refused."""
    try:
        validator = check_schema(given)
    except InvalidRequest as refused:
        places = [problem.field for problem in refused.problems if problem.message]
        if not places or not all(place.startswith("schema") for place in places):
            pytest.fail(f"it is refused without its place: {refused}")
        return None
    sent = translate_schema(given)
    assert sent is not None
    assert len(json.dumps(sent, ensure_ascii=False, separators=(",", ":"))) <= MOST_CHARS
    wider, grammar = validator_of(sent), Grammar(sent)
    valid = 0
    for _ in range(VALUES):
        value = schemas.draw_value(rng, given, given)
        grammar.allows(value)  # it raises where there is no grammar
        if validator.is_valid(value):
            valid += 1
            assert wider.is_valid(value), f"{value} is valid, and not for {sent}"
    return valid
