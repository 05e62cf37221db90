"""The input policy of a worker: `raw`, pulls and the text filter; and what it reports of them."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import InvalidRequest
from llamaq.admission.texts import model_texts
from llamaq.store.worker.outcome import Completed
from llamaq.vocabulary.requests import dump_json, parse
from tasks.input_policy.filter import Filter
from tasks.input_policy.policy import InputPolicy
from tasks.registry import run
from tests.unit.tasks.ollama import Ollama, chat_answer, claimed, context
from worker.attempt.input_policy import is_pull_allowed

VOWELS = Filter(re.compile("[aeiou]"))


def _job(**fields: Any) -> Any:
    request = parse({"kind": "generate", "model": "m", "prompt": "x", **fields})
    return claimed(request.kind, dump_json(request))


@pytest.mark.parametrize("field", [{"raw": True}, {"template": "{{ .Prompt }}"}])
def test_raw_and_a_template_need_the_workers_leave(field: dict[str, Any]) -> None:
    """With either, the producer writes control tokens himself; `raw: false` is no use of it."""
    with pytest.raises(InvalidRequest, match=r"^(raw|template): .*LLAMAQ_ALLOW_RAW=1"):
        InputPolicy().admit(_job(**field))
    assert InputPolicy(allow_raw=True).admit(_job(**field)).request == _job(**field).request
    InputPolicy().admit(_job(raw=False))


def test_pulls_are_for_models_on_the_list_alone() -> None:
    """By default there is none."""
    job = claimed("pull", '{"model":"acme/big:7b"}')

    with pytest.raises(InvalidRequest, match=r"^model: acme/big:7b may not be pulled here.*LLAMAQ_PULL_ALLOWED"):
        InputPolicy().admit(job)
    assert InputPolicy(pulls=lambda model: model == "acme/big:7b").admit(job) is job


@pytest.mark.parametrize(
    ("allowed", "model", "may"),
    [
        ("", "m:latest", False),
        ("m", "m:latest", True),
        ("m", "m:7b", False),
        ("M:7B", "m:7b", True),
        ("m:*", "m:7b", True),
        ("m", "mm:latest", False),
        ("m*", "mm:latest", True),
        ("a, hf.co/acme/* ,b", "hf.co/acme/x:q4", True),
        ("hf.co/acme/*", "hf.co/evil/x:q4", False),
        ("*", "anything/at:all", True),
        ("library/m", "m:latest", True),
        ("library/m", "m:7b", False),
        ("library/*", "m:7b", True),
        ("library/*", "hf.co/evil/x:q4", False),
    ],
)
def test_the_list_has_names_and_patterns(allowed: str, model: str, may: bool) -> None:
    """A name without a tag is `:latest`, as everywhere; a star stands for anything."""
    assert is_pull_allowed(model, allowed) is may


def test_without_a_filter_nothing_is_touched_and_nothing_reported() -> None:
    """Off is the default."""
    policy, job = InputPolicy(), _job(prompt="aeiou")

    assert policy.admit(job) is job
    assert policy.removed == {}


def test_the_filter_takes_out_and_cuts_and_tells() -> None:
    """By field, how many characters are gone; what it left alone is not named."""
    policy = InputPolicy(texts=Filter(re.compile("[<>]"), 4))

    job = policy.admit(_job(prompt="<ab>cdef", system="abcd", suffix="<>", metadata={"trace": "<kept>"}))

    assert (job.request.prompt, job.request.system, job.request.suffix) == ("abcd", "abcd", "")  # type: ignore[union-attr]  # a generate
    assert job.request.metadata == {"trace": "<kept>"}
    assert policy.removed == {"prompt": 4, "suffix": 2}


def test_the_result_says_what_was_filtered() -> None:
    """And Ollama has seen the filtered texts; a conversation keeps those too."""
    ollama = Ollama(chat_answer("fine"))
    kit = context(ollama, policy=InputPolicy(texts=VOWELS))
    outcome = run(_chat("aeiou xyz"), kit)

    assert isinstance(outcome, Completed)
    assert outcome.result["filtered"] == {"messages.0.content": 5}
    assert ollama.asked[0]["messages"] == [{"role": "user", "content": " xyz"}]


def test_a_result_of_an_unfiltered_job_has_no_such_field() -> None:
    """Only when it changed something."""
    ollama = Ollama([{"response": "x", "done": True}])
    outcome = run(_job(), context(ollama, policy=InputPolicy(texts=VOWELS)))

    assert isinstance(outcome, Completed)
    assert "filtered" not in outcome.result


def test_where_nothing_is_left_the_job_fails_with_the_field() -> None:
    """An empty prompt would mean something else to Ollama: load the model."""
    with pytest.raises(InvalidRequest, match="prompt: "):
        InputPolicy(texts=VOWELS).admit(_job(prompt="aeiou"))


def test_a_filter_may_leave_a_role_in_peace() -> None:
    """It is one of four words, and no text of the producer's."""
    assert InputPolicy(texts=VOWELS).admit(_chat("axa")).request.messages[0].role == "user"  # type: ignore[union-attr,index]  # a chat


@given(st.text(min_size=1).map(lambda text: f"x{text}"), st.integers(0, 30))
def test_nothing_longer_and_nothing_that_matches_comes_through(text: str, length: int) -> None:
    """And the count is what is missing."""
    policy = InputPolicy(texts=Filter(re.compile("[aeiou]"), length))

    kept = dict(model_texts(policy.admit(_job(prompt=text)).request))["prompt"]

    assert not re.search("[aeiou]", kept)
    assert not length or len(kept) <= length
    assert policy.removed.get("prompt", 0) == len(text) - len(kept)


def _chat(text: str) -> Any:
    request = parse({"kind": "chat", "model": "m", "messages": [{"role": "user", "content": text}]})
    return claimed("chat", dump_json(request))
