"""Input limits: refused with the field named, never cut."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import InvalidRequest, Limits
from llamaq.admission.limits import apply_control_policy, check_text
from llamaq.settings import environment
from llamaq.vocabulary.requests import parse

_SAID = {"role": "user", "content": "x"}
_CALLS = [{"function": {"name": "f", "arguments": {"of": "x" * 11}}}]


def _request(**fields: Any) -> Any:
    return parse({"kind": "generate", "model": "m", "prompt": "12345", **fields})


def test_all_texts_count_together() -> None:
    """The limit is for the request: at it is well, one character more is refused where it was passed."""
    check_text(_request(system="12345"), Limits(prompt_chars=10))

    with pytest.raises(InvalidRequest, match=r"Limits.prompt_chars.*has 6") as refused:
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
        ({"kind": "chat", "conversation": "c", "message": {"role": "user", "content": "x" * 11}}, "message.content"),
        (
            {"kind": "chat", "conversation": "c", "message": [{"role": "tool", "content": "x" * 11}]},
            "message.0.content",
        ),
        ({"kind": "chat", "messages": [{**_SAID, "thinking": "x" * 11}]}, "messages.0.thinking"),
        ({"kind": "chat", "messages": [{**_SAID, "tool_calls": _CALLS}]}, "messages.0.tool_calls"),
        ({"kind": "chat", "messages": [_SAID], "tools": [{"description": "x" * 11}]}, "tools"),
        ({"kind": "chat", "messages": [_SAID], "format": {"title": "x" * 11}}, "format"),
        ({"kind": "extraction", "prompt": "x", "schema": {"title": "x" * 11}}, "schema"),
        ({"kind": "generate", "prompt": "x", "metadata": {"trace": "x" * 11}}, "metadata.trace"),
        ({"kind": "generate", "prompt": "x", "options": {"stop": ["x" * 11]}}, "options.stop.0"),
        ({"kind": "extraction", "prompt": "x" * 11, "schema": {}}, "prompt"),
        ({"kind": "multimodal", "prompt": "x" * 11, "images": ["aGk="]}, "prompt"),
    ],
)
def test_each_kinds_texts_count(fields: dict[str, Any], field: str) -> None:
    """No text slips by because of the field it is in."""
    with pytest.raises(InvalidRequest) as refused:
        check_text(parse({"model": "m", **fields}), Limits(prompt_chars=10))

    assert [problem.field for problem in refused.value.problems] == [field]


def test_a_limit_of_the_environment_is_named_by_its_variable() -> None:
    """What was given in the code is named by its argument: its variable would have no effect."""
    _, settings = environment.read({"LLAMAQ_MAX_PROMPT_CHARS": "10"})

    with pytest.raises(InvalidRequest, match=r"more than 10 characters \(LLAMAQ_MAX_PROMPT_CHARS\)"):
        check_text(_request(system="123456"), settings.limits)


def _embeds(*texts: str) -> Any:
    return parse({"kind": "embedding", "model": "m", "input": list(texts)})


def test_each_input_of_an_embedding_has_the_limit_for_itself() -> None:
    """They are independent texts: together they may be longer, up to a limit of their own."""
    limits = Limits(prompt_chars=10, embedding_chars=25)
    check_text(_embeds("x" * 10, "x" * 10, "x" * 5), limits)

    with pytest.raises(InvalidRequest, match=r"^input.1: it has 11 characters.*Limits.prompt_chars.*split it"):
        check_text(_embeds("x", "x" * 11), limits)
    with pytest.raises(InvalidRequest, match=r"^input.2: .*25 characters .Limits.embedding_chars.*further jobs"):
        check_text(_embeds("x" * 10, "x" * 10, "x" * 6), limits)


def test_the_chunks_of_an_ingestion_pass_the_default_limits() -> None:
    """5,000 of them with 1,000 characters each; and more inputs than one job may have are refused with the limit."""
    check_text(_embeds(*["x" * 1000] * 5000), Limits())

    with pytest.raises(InvalidRequest, match=r"^input: .*at most 50000"):
        _embeds(*["x"] * 50_001)


def test_a_raised_limit_of_one_text_raises_that_of_all() -> None:
    """A single input up to `prompt_chars` is always taken."""
    check_text(_embeds("x" * 20), Limits(prompt_chars=20, embedding_chars=5))


def test_the_limits_are_the_contracts() -> None:
    """200,000 characters, 20 MiB, 40 million pixels."""
    assert Limits() == Limits(prompt_chars=200_000, image_bytes=20_971_520, image_pixels=40_000_000)


REMOVING = Limits(control_characters="remove")
SEEN: list[tuple[dict[str, Any], str]] = [
    ({"kind": "generate", "prompt": "a\0b"}, "prompt"),
    ({"kind": "generate", "prompt": "x", "system": "a\x1bb"}, "system"),
    ({"kind": "generate", "prompt": "x", "suffix": "a\x7fb"}, "suffix"),
    ({"kind": "generate", "prompt": "x", "template": "a\x85b"}, "template"),
    ({"kind": "embedding", "input": ["x", "a\rb"]}, "input.1"),
    ({"kind": "chat", "messages": [_SAID, {"role": "user", "content": "a\bb"}]}, "messages.1.content"),
    ({"kind": "chat", "messages": [{**_SAID, "thinking": "a\x0cb"}]}, "messages.0.thinking"),
    ({"kind": "chat", "conversation": "c", "message": "a\x9fb"}, "message"),
    ({"kind": "chat", "conversation": "c", "message": {"role": "user", "content": "a\0b"}}, "message.content"),
    ({"kind": "chat", "messages": [_SAID], "tools": [{"of": ["a\0b"]}]}, "tools.0.of.0"),
    ({"kind": "multimodal", "prompt": "a\0b", "images": ["aGk="]}, "prompt"),
    ({"kind": "extraction", "prompt": "a\0b", "schema": {}}, "prompt"),
]


@pytest.mark.parametrize(("fields", "field"), SEEN, ids=lambda value: value if isinstance(value, str) else "")
def test_control_characters_are_refused_or_removed(fields: dict[str, Any], field: str) -> None:
    """Wherever a model would see them: refused with field, character and place by default; by setting, taken out."""
    request = parse({"model": "m", **fields})

    with pytest.raises(
        InvalidRequest, match=r"control character U\+00[0-9A-F]{2} at character 2.*Limits.control"
    ) as no:
        apply_control_policy(request, Limits())

    assert [problem.field for problem in no.value.problems] == [field]
    clean = apply_control_policy(request, REMOVING)
    assert type(clean) is type(request)
    assert apply_control_policy(clean, Limits()) == clean
    assert "ab" in str(clean)


def test_tabs_and_newlines_stay_as_they_are() -> None:
    """Those of Windows too; in metadata, which no model sees, anything goes."""
    request = _request(prompt="\ta\nb\r\nc é 👩‍💻\u2028", metadata={"trace": "\0"})

    assert apply_control_policy(request, Limits()) is request
    assert apply_control_policy(request, REMOVING) is request


def test_a_text_of_control_characters_alone_is_refused_either_way() -> None:
    """Removed, nothing would be left to ask."""
    with pytest.raises(InvalidRequest, match="prompt: "):
        apply_control_policy(_request(prompt="\0\x1b"), REMOVING)


@given(st.text(min_size=1))
def test_what_was_removed_is_not_there_and_all_else_is(text: str) -> None:
    """Also when two halves come together by the removal of what stood between them."""
    kept = apply_control_policy(_request(prompt=f"x{text}x"), REMOVING).prompt  # type: ignore[union-attr]  # a generate

    assert kept is not None
    assert apply_control_policy(_request(prompt=kept), Limits()).prompt == kept  # type: ignore[union-attr]  # as above
    printable = [char for char in f"x{text}x" if char in "\t\n" or ord(char) >= 0xA0 or " " <= char < "\x7f"]
    assert [char for char in kept if char != "\r"] == printable
