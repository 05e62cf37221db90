"""extraction: a value that is valid against the schema, or a typed failure that shows what came instead."""

import base64
import datetime as dt
import io
from dataclasses import dataclass
from typing import Any, Literal

import PIL.Image
import pytest
from pydantic import BaseModel, TypeAdapter
from typing_extensions import TypedDict

from llamaq import InvalidRequest, JobFailed, Limits
from llamaq.images import loading
from llamaq.vocabulary.events import Progress
from tests.conftest import MODEL
from tests.service import Service, kinds

DUNE = '{"title": "Dune", "year": 1965, "level": "advanced"}'
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "year": {"type": "integer"}},
    "required": ["title", "year"],
}


class Book(BaseModel):
    """What is drawn out."""

    title: str
    year: int
    level: Literal["beginner", "advanced"]


def test_a_valid_answer_becomes_a_typed_value(service: Service) -> None:
    """A pydantic model goes along as `format`; the value comes back parsed, with no repair."""
    service.ollama.script(tokens=[DUNE[:20], DUNE[20:]])

    job = service.queue.extract(MODEL, "Describe Dune.", schema=Book, system="Answer in JSON.")
    result = job.result(30)

    assert (result.value, result.repairs) == (Book(title="Dune", year=1965, level="advanced"), 0)
    assert service.queue.job(job.id).result(30).value == {"title": "Dune", "year": 1965, "level": "advanced"}
    assert result.parse(Book) == Book(title="Dune", year=1965, level="advanced")
    assert service.list_requests("/api/chat") == [
        {
            "model": MODEL,
            "messages": [
                {"role": "system", "content": "Answer in JSON."},
                {"role": "user", "content": "Describe Dune."},
            ],
            "format": Book.model_json_schema(),
            "stream": True,
            "truncate": False,
        }
    ]


def test_a_schema_as_a_dict_is_sent_as_it_is(service: Service) -> None:
    """A JSON Schema needs no pydantic model on either side."""
    service.ollama.script(tokens=['{"title": "Emma", "year": 1815}'])

    result = service.queue.extract(MODEL, "Describe Emma.", schema=SCHEMA).result(30)

    assert result.value == {"title": "Emma", "year": 1815}
    assert service.list_requests()[0]["format"] == SCHEMA


def test_an_invalid_answer_is_asked_for_again_with_its_errors(service: Service) -> None:
    """The second question shows the model its answer and what is wrong with it; the job counts one repair."""
    service.ollama.script(tokens=['{"title": "Dune", "year": "1965"}'])
    service.ollama.script(tokens=['{"title": "Dune", "year": 1965}'])

    job = service.queue.extract(MODEL, "Describe Dune.", schema=SCHEMA)
    events, result = list(job.events()), job.result(30)

    assert (result.value, result.repairs, result.attempts) == ({"title": "Dune", "year": 1965}, 1, 1)
    question, answer, complaint = service.list_requests()[1]["messages"]
    assert question == {"role": "user", "content": "Describe Dune."}
    assert answer == {"role": "assistant", "content": '{"title": "Dune", "year": "1965"}'}
    assert complaint["role"] == "user"
    assert "$.year" in complaint["content"]
    assert '"1965" is not of type "integer"' in complaint["content"]
    assert kinds(events) == ["queued", "started", "delta", "progress", "delta", "completed"]
    assert [event.stage for event in events if isinstance(event, Progress)] == ["repairing"]


def test_the_usage_counts_every_question(service: Service) -> None:
    """Tokens of the answer that was refused are in the bill."""
    service.ollama.script(tokens=["no JSON"], final={"prompt_eval_count": 5, "eval_count": 3})
    service.ollama.script(tokens=['{"title": "Dune", "year": 1965}'], final={"prompt_eval_count": 9, "eval_count": 4})

    usage = service.queue.extract(MODEL, "Describe Dune.", schema=SCHEMA).result(30).usage

    assert (usage.prompt_tokens, usage.output_tokens) == (14, 7)


def test_an_answer_that_was_cut_gets_more_room(service: Service) -> None:
    """Cut by `num_predict`, the same question is asked again with a higher limit, without the stump."""
    service.ollama.script(tokens=['{"title": "Du'], done_reason="length")
    service.ollama.script(tokens=['{"title": "Dune", "year": 1965}'])

    result = service.queue.extract(
        MODEL, "Describe Dune.", schema=SCHEMA, options={"num_predict": 8, "temperature": 0.0}
    ).result(30)

    first, second = service.list_requests()
    assert result.value == {"title": "Dune", "year": 1965}
    assert first["messages"] == second["messages"]
    assert first["options"] == {"num_predict": 8, "temperature": 0.0}
    assert second["options"]["num_predict"] > 8
    assert second["options"]["temperature"] == 0.0


def test_what_never_becomes_valid_fails_with_the_text_and_its_errors(service: Service) -> None:
    """After two repairs the job fails with `invalid_output`: the last text, and one line for each thing wrong."""
    service.ollama.script(tokens=['{"year": "soon"}'], times=3)

    job = service.queue.extract(MODEL, "Describe Dune.", schema=SCHEMA)
    with pytest.raises(JobFailed) as caught:
        job.result(30)

    error = caught.value.error
    assert (error.code, error.text) == ("invalid_output", '{"year": "soon"}')
    assert error.errors is not None
    assert sorted(line.split(":")[0] for line in error.errors) == ["$", "$.year"]
    assert len(service.list_requests()) == 3
    assert job.status().error == error


@pytest.mark.parametrize("text", ["", "no JSON", '{"title": "Dune", "year": NaN}', '{"title": "Dune"', "[" * 100_000])
def test_what_is_no_json_is_invalid_output_too(service: Service, text: str) -> None:
    """Empty, prose, NaN, half an object and a bottomless list end typed, and harm no worker."""
    service.ollama.script(tokens=[text], times=3)

    with pytest.raises(JobFailed) as caught:
        service.queue.extract(MODEL, "Describe Dune.", schema=SCHEMA).result(30)

    assert caught.value.code == "invalid_output"


def test_images_can_be_extracted_from(service: Service) -> None:
    """An extraction takes images as multimodal does; they stay with the question in a repair."""
    data = io.BytesIO()
    PIL.Image.new("RGB", (32, 32), "red").save(data, "PNG")
    service.ollama.script(tokens=["{}"])
    service.ollama.script(tokens=['{"title": "Red", "year": 1}'])

    job = service.queue.extract("smollm2-vision:135m", "Read it.", schema=SCHEMA, images=[data.getvalue()])

    assert job.result(30).repairs == 1
    images = [body["messages"][0]["images"] for body in service.list_requests()]
    assert images == [[base64.b64encode(loading.load(data.getvalue(), Limits()).data).decode()]] * 2


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"type": "nonsense"}, "schema"),
        ({"$ref": "http://127.0.0.1:1/schema.json"}, "schema.$ref"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "schema.minItems"),
        ({"type": "object", "required": ["b"], "additionalProperties": False}, "schema"),
        ({"type": "array", "items": {"$ref": "#b"}}, "schema.items.$ref"),
        ({"description": "x" * 70_000}, "schema"),
    ],
)
def test_a_schema_that_is_none_is_refused_before_anything_is_queued(
    service: Service, schema: dict[str, Any], field: str
) -> None:
    """A wrong schema, a remote reference, a contradiction, a huge one: named, never fetched, never queued."""
    with pytest.raises(InvalidRequest) as caught:
        service.queue.extract(MODEL, "Describe Dune.", schema=schema)

    assert [problem.field for problem in caught.value.problems] == [field]
    assert service.list_requests() == []


@dataclass
class Volume:
    """What is drawn out, as a dataclass."""

    title: str
    bought: dt.date


class Shelf(TypedDict):
    """As a TypedDict."""

    books: list[Volume]


@pytest.mark.parametrize(
    ("target", "text", "value"),
    [
        (Volume, '{"title": "A", "bought": "2026-01-02"}', Volume("A", dt.date(2026, 1, 2))),
        (Shelf, '{"books": [{"title": "A", "bought": "2026-01-02"}]}', {"books": [Volume("A", dt.date(2026, 1, 2))]}),
        (TypeAdapter(list[Volume]), "[]", []),
        (TypeAdapter(set[int]), "[1, 2]", {1, 2}),
    ],
)
def test_what_pydantic_knows_can_be_drawn_out(service: Service, target: Any, text: str, value: Any) -> None:
    """A dataclass, a TypedDict, a TypeAdapter: `parse` gives what was asked for."""
    service.ollama.script(tokens=[text])

    assert service.queue.extract(MODEL, "Draw.", schema=target).result(30).parse(target) == value


def test_the_request_says_how_often_to_ask_again(service: Service) -> None:
    """With `repairs=0` the first answer decides."""
    service.ollama.script(tokens=['{"year": "soon"}'], times=2)

    with pytest.raises(JobFailed) as caught:
        service.queue.extract(MODEL, "Describe Dune.", schema=SCHEMA, repairs=0).result(30)

    assert caught.value.code == "invalid_output"
    assert len(service.list_requests()) == 1
    with pytest.raises(InvalidRequest, match="repairs"):
        service.queue.extract(MODEL, "Describe Dune.", schema=SCHEMA, repairs=6)


def test_a_repair_ends_with_the_deadline(service: Service) -> None:
    """Time ran out while it was asked again: the job fails with what was invalid, not with the clock alone."""
    service.ollama.script(tokens=['{"year": "soon"}'])
    service.hold(tokens=["{}"])

    job = service.queue.extract(MODEL, "Describe Dune.", schema=SCHEMA, deadline=4)
    with pytest.raises(JobFailed) as caught:
        job.result(30)

    error = caught.value.error
    assert (error.code, error.text) == ("invalid_output", '{"year": "soon"}')
    assert "deadline" in error.message
    assert len(service.list_requests()) == 2


def test_a_context_that_is_full_is_called_so(service: Service) -> None:
    """Cut again at as many tokens, with more room: `context_overflow`, with the text that there was."""
    service.ollama.script(tokens=['{"title": "Du'], done_reason="length", times=3)

    with pytest.raises(JobFailed) as caught:
        service.queue.extract(MODEL, "Describe Dune.", schema=SCHEMA).result(30)

    assert (caught.value.code, caught.value.error.text) == ("context_overflow", '{"title": "Du')
    assert len(service.list_requests()) == 2
