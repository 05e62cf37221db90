"""What pydantic, zod and the SDKs of OpenAI write is taken, and the engine gets what it reads as it is meant."""

import copy

import pytest

from llamaq.extraction.engine.grammar import translate_schema
from llamaq.extraction.schema import check_schema, validator_of
from tests.unit.extraction.engine.engine_grammar import Grammar
from tests.unit.extraction.habits import HABITS, Habit

each = pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.name)
ANY_IS_VALID = {"pydantic: any"}


def test_there_are_sixty() -> None:
    """Each with a name of its own."""
    assert len({habit.name for habit in HABITS}) == 60


@each
def test_it_is_taken_and_its_answers_are_checked_by_all_of_it(habit: Habit) -> None:
    """A valid answer is valid, and the other is not; the schema itself stays as it was given."""
    given = copy.deepcopy(habit.schema)

    validator = check_schema(habit.schema)

    assert validator.is_valid(habit.valid)
    assert not validator.is_valid(habit.invalid) or habit.name in ANY_IS_VALID
    assert habit.schema == given


@each
def test_the_engine_can_write_a_valid_answer(habit: Habit) -> None:
    """Its grammar is made of what every version knows, and allows the value."""
    sent = translate_schema(habit.schema)

    assert sent is not None
    assert Grammar(sent).allows(habit.valid)
    assert validator_of(sent).is_valid(habit.valid)
    assert Grammar(translate_schema(sent)).allows(habit.valid)
