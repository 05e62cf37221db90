"""Reads JSON that can be written again."""

import pytest

from gateway.http.errors import GatewayError
from gateway.http.json_body import parsed


@pytest.mark.parametrize("text", ["1e400", '{"a": [{"b": -1e999}]}', "NaN", "[Infinity]", "1" + "0" * 400 + ".0"])
def test_a_number_that_no_float_holds_is_refused(text: str) -> None:
    """`1e400` would be read as an infinity, which no answer could show."""
    with pytest.raises(GatewayError) as refused:
        parsed(text)
    assert (refused.value.status, refused.value.code) == (400, "invalid_json")


def test_other_numbers_are_taken() -> None:
    """Whole ones have no bound."""
    assert parsed(f"[{10**400}, 1e308, -0.0, 1e-400, true]") == [10**400, 1e308, 0.0, 0.0, True]
