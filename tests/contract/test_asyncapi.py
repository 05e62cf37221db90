"""docs/asyncapi.yaml: valid by the official parser, and complete."""

import re
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from docs.schemas import HERE
from llamaq.store.keys import is_usable_id
from llamaq.vocabulary.events import Event
from llamaq.vocabulary.requests import KINDS
from tests.commands import run
from tests.contract.built import CHECKOUT

FILE = CHECKOUT / "docs" / "asyncapi.yaml"
PARSER = "@asyncapi/parser@3.6.3"
CHECK = Path(__file__).parent / "check_asyncapi.mjs"
EVENTS = [event.model_fields["type"].default for event in get_args(Event)]


@pytest.fixture(scope="module")
def document() -> Any:
    return yaml.safe_load(FILE.read_text("utf-8"))


@pytest.mark.needs("npm")
@pytest.mark.timeout(300)
def test_the_official_parser_finds_nothing(tmp_path: Path) -> None:
    """No error, no warning, no hint; with all schemas that the document refers to."""
    npm = shutil.which("npm")
    assert npm
    command = [npm, "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--prefer-offline", PARSER]
    done = run(command, cwd=tmp_path, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copy(CHECK, tmp_path)

    done = run(["node", CHECK.name, str(FILE)], cwd=tmp_path, timeout=60)

    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_each_kind_and_each_event_is_in_it(document: Any) -> None:
    """And each schema is the payload of a message of its name."""
    messages = document["components"]["messages"]
    channels = document["channels"]

    assert list(channels["inbox"]["messages"]) == [*KINDS, "cancel", "delete", "pause", "drain", "resume"]
    assert list(channels["log"]["messages"]) == EVENTS
    for name in (*KINDS, *EVENTS):
        folder = "requests" if name in KINDS else "events"
        assert messages[name]["payload"]["$ref"] == f"./schemas/{folder}/{name}.json"
        assert (HERE / folder / f"{name}.json").is_file()
    sent = [message["$ref"].rpartition("/")[2] for message in document["operations"]["submit"]["messages"]]
    assert sent == list(KINDS)


@pytest.mark.parametrize("job_id", ["a", ".a", "...", "A_b-1." + "x" * 122, ".", "..", "", "a b", "a/b", "x" * 129])
def test_the_ids_that_it_allows_are_those_that_are_taken(document: Any, job_id: str) -> None:
    """Its pattern is written a second time."""
    pattern = document["components"]["schemas"]["id"]["pattern"]

    assert (re.search(pattern, job_id) is not None) == is_usable_id(job_id)
