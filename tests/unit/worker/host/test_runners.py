"""Which models share a runner, as the model files of a real Ollama tell it."""

import json

import pytest

from api_client import ModelCard
from tests.unit.api_client.recordings import FOLDER
from worker.host.runners import describe_runners, parse_load_options, parse_weights, shared_names

BLOB, OTHER = "a" * 64, "b" * 64


def card(modelfile: str, parameters: str = "") -> ModelCard:
    """A model's answer of `/api/show`."""
    return ModelCard(modelfile=modelfile, parameters=parameters)


def recorded(case: str) -> ModelCard:
    """The recorded answer of a real server."""
    return ModelCard.model_validate(json.loads(json.loads((FOLDER / f"{case}.json").read_text())["body"]))


def test_two_model_files_on_one_blob_are_told_by_a_real_server() -> None:
    """`smollm2` and `smollm2-tools` of the recordings are of the same weights."""
    found = [parse_weights(recorded(case)) for case in ("show", "show_tools")]

    assert len(found[0]) == 64
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("modelfile", "weights"),
    [
        (f"# FROM x\n\nFROM /m/blobs/sha256-{BLOB}\nTEMPLATE x", BLOB),
        (f"FROM C:\\models\\blobs\\sha256-{BLOB}\r\nTEMPLATE x", BLOB),
        (f"FROM /m/sha256-{BLOB}\nADAPTER /m/sha256-{OTHER}", f"{BLOB} {OTHER}"),
        (f"FROM /m/sha256-{BLOB}\nFROM /m/sha256-{OTHER}", f"{BLOB} {OTHER}"),
        (f'FROM /m/sha256-{BLOB}\nSYSTEM """\nFROM /m/sha256-{OTHER}\n"""', BLOB),
        ("FROM llama3.2:cloud", ""),
        ("", ""),
    ],
)
def test_weights_are_what_the_file_is_made_of(modelfile: str, weights: str) -> None:
    """Weights, projector and adapters; a text further down may hold anything; a name is no blob."""
    assert parse_weights(card(modelfile)) == weights


def test_load_options_of_the_file() -> None:
    """As a request's are written; others, and what is no number, do not count."""
    told = 'num_ctx                        2048\nstop   "<|im_end|>"\nuse_mmap   false\nnum_gpu  many'
    assert parse_load_options(card("", told)) == "num_ctx=2048,use_mmap=0"


def test_one_name_stands_for_models_of_the_same_weights() -> None:
    """The first in order; a model whose file is not known stands for itself."""
    cards = {"b:1": card(f"FROM sha256-{BLOB}"), "a:1": card(f"FROM sha256-{BLOB}"), "c:1": card(""), "d:1": card("")}

    assert shared_names(cards) == {"a:1": "a:1", "b:1": "a:1", "c:1": "c:1", "d:1": "d:1"}
    assert describe_runners(cards, {"b:1": 4096, "a:1": None})["b:1"] == "a:1 4096 "
