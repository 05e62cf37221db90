"""What a host tells about itself, from servers of any age."""

from datetime import UTC, datetime
from typing import Any

import pytest

from api_client import InstalledModel, ModelCard, OllamaClient, RunningModel, StreamError, UnknownShape
from tests.unit.api_client import recordings
from tests.unit.api_client.scripted_server import ScriptedServer


def replay(case: str) -> ScriptedServer:
    (answer,) = recordings.load_answers(case)
    return ScriptedServer(answer.make_script())


def test_tags() -> None:
    """The models on disk, with sizes, context and capabilities."""
    with replay("tags") as server, OllamaClient(server.url) as client:
        models = client.tags()
    assert [model.name for model in models] == ["smollm2-vision:135m", "smollm2-tools:135m", "smollm2:135m"]
    assert models[0].capabilities == frozenset({"completion", "vision"})
    assert (models[0].size, models[0].details.context_length) == (100_269_221, 8192)
    assert models[0].details.embedding_length == 576
    assert models[0].modified_at == datetime(2026, 11, 22, 17, 33, 44, 103620, UTC)


def test_ps() -> None:
    """The models in memory, with the context as loaded and the end of their stay."""
    with replay("ps_after") as server, OllamaClient(server.url) as client:
        (model,) = client.ps()
    assert (model.name, model.size, model.size_vram, model.context_length) == ("smollm2:135m", 209_505_483, 0, 4096)
    assert model.expires_at == datetime(2026, 11, 22, 17, 40, 23, 331067, UTC)


def test_ps_of_an_empty_host() -> None:
    """Nothing loaded is an empty tuple."""
    with replay("ps_before") as server, OllamaClient(server.url) as client:
        assert client.ps() == ()


def test_a_model_kept_for_ever() -> None:
    """A stay without end is a date centuries ahead, and no error."""
    with replay("ps_keepalive_forever") as server, OllamaClient(server.url) as client:
        (model,) = client.ps()
    assert model.expires_at is not None
    assert model.expires_at.year > 2200


def test_show() -> None:
    """One model in detail; its lengths are found under its architecture's name."""
    with replay("show_tools") as server, OllamaClient(server.url) as client:
        card = client.show("smollm2-tools:135m")
    assert (card.context_length, card.embedding_length) == (8192, 576)
    assert card.capabilities == frozenset({"completion", "tools"})
    assert card.details.quantization_level == "Q4_1"
    assert "im_start" in card.template


def test_version() -> None:
    """The version as a text."""
    with replay("version") as server, OllamaClient(server.url) as client:
        assert client.version() == "0.32.15"


@pytest.mark.parametrize(
    "answer",
    [
        {"models": [{"name": "m"}]},
        {"models": [{"name": "m", "details": None, "capabilities": None, "expires_at": None, "size": None}]},
        {"models": [{"name": "m", "details": {"families": None, "new": 1}, "new": {"deep": []}}], "new": True},
    ],
)
def test_fields_may_be_missing_null_or_new(answer: dict[str, Any]) -> None:
    """A server older or newer than those we know is understood as far as it goes."""
    with ScriptedServer(lambda visit: visit.answer(200, answer)) as server, OllamaClient(server.url) as client:
        assert [model.model_dump() for model in client.tags()] == [InstalledModel(name="m").model_dump()]
        assert [model.model_dump() for model in client.ps()] == [RunningModel(name="m").model_dump()]
        assert client.show("m").model_dump() == ModelCard().model_dump()
        assert client.tags()[0].entry == answer["models"][0]
        assert client.version() == ""
        assert client.tags()[0].capabilities is None


@pytest.mark.parametrize("answer", [{"models": {"a": 1}}, {"models": "many"}])
def test_a_shape_we_do_not_know_is_a_stream_error(answer: dict[str, Any]) -> None:
    """An answer without the least we need is an OllamaError like all others."""
    with (
        ScriptedServer(lambda visit: visit.answer(200, answer)) as server,
        OllamaClient(server.url) as client,
        pytest.raises(StreamError, match="shape"),
    ):
        client.tags()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"size": 1}, "models.1.name is missing"),
        ({"name": 5}, "models.1.name is the number 5"),
        ({"name": None}, "models.1.name is missing"),
        ("text", "models.1 is the text 'text'"),
        ({"name": 5, "size": "1"}, "models.1.name is the number 5"),
    ],
)
def test_an_entry_without_a_name_hides_no_other(entry: object, words: str) -> None:
    """It is left out, and the list says which it was and what is wrong with it."""
    answer = {"models": [{"name": "a"}, entry, {"name": "b"}]}
    with ScriptedServer(lambda visit: visit.answer(200, answer)) as server, OllamaClient(server.url) as client:
        for listing in (client.tags(), client.ps()):
            assert [model.name for model in listing] == ["a", "b"]
            (problem,) = listing.problems
            assert words in problem


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "m", "size": "1"}, "models.1.size of 'm' is the text '1'"),
        ({"name": "m", "size": -1}, "models.1.size of 'm' is the number -1"),
        ({"name": "m", "size": 2**70}, "models.1.size of 'm'"),
        ({"name": "m", "digest": []}, "models.1.digest of 'm' is a list"),
        ({"name": "m", "details": "x"}, "models.1.details of 'm'"),
        ({"name": "m", "details": {"context_length": True}}, "models.1.details.context_length of 'm' is true"),
        ({"name": "m", "details": {"families": "llama"}}, "models.1.details.families of 'm'"),
    ],
)
def test_a_field_that_cannot_be_read_hides_no_model(entry: dict[str, Any], words: str) -> None:
    """The field counts as absent, the others of its entry are there, and the list says what is wrong."""
    answer = {"models": [{"name": "a"}, {**entry, "model": "n"}, {"name": "b"}]}
    with ScriptedServer(lambda visit: visit.answer(200, answer)) as server, OllamaClient(server.url) as client:
        for listing in (client.tags(), client.ps()):
            assert [(model.name, model.model) for model in listing] == [("a", ""), ("m", "n"), ("b", "")]
            assert (listing[1].size, listing[1].digest, listing[1].details.families) == (0, "", ())
            (problem,) = listing.problems
            assert words in problem


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", datetime(2500, 1, 1, tzinfo=UTC)),
        ("2026-11-22T17:40:23", datetime(2026, 11, 22, 17, 40, 23, tzinfo=UTC)),
        ("2026-11-22T17:40:23.123456789+02:00", datetime(2026, 11, 22, 15, 40, 23, 123456, UTC)),
    ],
)
def test_a_date_that_is_none_or_has_no_zone(told: str, read: datetime | None) -> None:
    """Go's year 1 is no date, a date without a zone is read as UTC, one beyond all is far ahead."""
    answer = {"models": [{"name": "m", "expires_at": told}]}
    with ScriptedServer(lambda visit: visit.answer(200, answer)) as server, OllamaClient(server.url) as client:
        (model,) = client.ps()
    assert model.expires_at == read
    assert read is None or model.expires_at.timestamp() < 2e10  # type: ignore[union-attr]  # as it is stored


@pytest.mark.parametrize("told", [5, "soon", ["2026-11-22T17:40:23Z"], "2026-11-22T17:40:23+99:99", ""])
def test_what_is_no_date(told: object) -> None:
    """It counts as absent."""
    answer = {"models": [{"name": "m", "expires_at": told}]}
    with ScriptedServer(lambda visit: visit.answer(200, answer)) as server, OllamaClient(server.url) as client:
        listing = client.ps()
    assert "models.0.expires_at of 'm'" in listing.problems[0]
    assert listing[0].expires_at is None


@pytest.mark.parametrize(
    "answer",
    [{"version": 5}, {"version": "9" * 5000}, {"template": [], "version": {}}, {"capabilities": {}, "version": []}],
)
def test_one_answer_of_another_shape_is_an_error(answer: dict[str, Any]) -> None:
    """Of /api/version and /api/show."""
    with ScriptedServer(lambda visit: visit.answer(200, answer)) as server, OllamaClient(server.url) as client:
        with pytest.raises(UnknownShape):
            client.version()
        if "version" not in answer or len(answer) > 1:
            with pytest.raises(UnknownShape):
                client.show("m")


def test_a_pull_ends_at_success() -> None:
    """A pull is a stream whose last line is another one."""
    lines: list[dict[str, Any]] = [
        {"status": "pulling manifest"},
        {"status": "pulling abc", "total": 10, "completed": 5},
        {"status": "success"},
    ]
    with ScriptedServer(lambda visit: visit.stream(lines)) as server, OllamaClient(server.url) as client:
        assert list(client.pull("m")) == lines
        assert server.visits[0].path == "/api/pull"
