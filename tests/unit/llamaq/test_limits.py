"""Input limits: refused with the field named, never cut."""

from typing import Any

import pytest

from llamaq import InvalidRequest, Limits
from llamaq.limits import check_text
from llamaq.requests import parse


def _request(**fields: Any) -> Any:
    return parse({"kind": "generate", "model": "m", "prompt": "12345", **fields})


def test_all_texts_count_together() -> None:
    """The limit is for the request: at it is well, one character more is refused where it was passed."""
    check_text(_request(system="12345"), Limits(prompt_chars=10))

    with pytest.raises(InvalidRequest, match=r"LLAMAQ_MAX_PROMPT_CHARS.*has 6") as refused:
        check_text(_request(system="123456"), Limits(prompt_chars=10))

    assert [problem.field for problem in refused.value.problems] == ["system"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "generate", "prompt": "x" * 11}, "prompt"),
        ({"kind": "generate", "prompt": "x", "suffix": "x" * 11}, "suffix"),
        ({"kind": "generate", "prompt": "x", "template": "x" * 11}, "template"),
        ({"kind": "embedding", "input": "x" * 11}, "input"),
        ({"kind": "embedding", "input": ["x", "x" * 11]}, "input.1"),
        ({"kind": "chat", "messages": [{"role": "user", "content": "x" * 11}]}, "messages.0.content"),
        ({"kind": "chat", "conversation": "c", "message": "x" * 11}, "message"),
        ({"kind": "chat", "conversation": "c", "message": {"role": "user", "content": "x" * 11}}, "message"),
        ({"kind": "extraction", "prompt": "x" * 11, "schema": {}}, "prompt"),
        ({"kind": "multimodal", "prompt": "x" * 11, "images": ["aGk="]}, "prompt"),
    ],
)
def test_each_kinds_texts_count(fields: dict[str, Any], field: str) -> None:
    """No text slips by because of the field it is in."""
    with pytest.raises(InvalidRequest) as refused:
        check_text(parse({"model": "m", **fields}), Limits(prompt_chars=10))

    assert [problem.field for problem in refused.value.problems] == [field]


def test_the_limits_are_the_contracts() -> None:
    """200,000 characters, 20 MiB, 40 million pixels."""
    assert Limits() == Limits(prompt_chars=200_000, image_bytes=20_971_520, image_pixels=40_000_000)
