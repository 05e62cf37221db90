"""A user's program beside the installed wheel, as two type checkers see it."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel

from llamaq import Message, MessageDict, Notify, NotifyDict, Options, OptionsDict
from tests.commands import run

pytestmark = pytest.mark.xdist_group("wheel")
PROGRAM = Path(__file__).with_name("sample_program.py")


def _checked(*command: str, folder: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MYPY"))}
    shutil.copy(PROGRAM, folder / "program.py")
    done = run([sys.executable, "-m", *command], cwd=folder, env=bare, timeout=300)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_mypy_gives_each_verb_the_type_that_the_program_says(outside: Path, tmp_path: Path) -> None:
    """Strict, so that an `ignore` at a mistake which is not seen is an error too."""
    cache = ("--cache-dir", str(tmp_path / "cache"))
    _checked(
        "mypy", "--strict", "--config-file=", *cache, "--python-executable", str(outside), "program.py", folder=tmp_path
    )


@pytest.mark.timeout(300)
def test_pyright_does_too(outside: Path, tmp_path: Path) -> None:
    """Strict as well: what editors show."""
    rules = {"typeCheckingMode": "strict", "reportUnnecessaryTypeIgnoreComment": "error", "include": ["program.py"]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(rules))
    _checked("pyright", "--pythonpath", str(outside), "--project", str(tmp_path), folder=tmp_path)


@pytest.mark.parametrize(
    ("typed", "model"),
    [(OptionsDict, Options), (MessageDict, Message), (NotifyDict, Notify)],
    ids=lambda kind: kind.__name__,
)
def test_a_dict_has_the_fields_of_its_model(typed: Any, model: type[BaseModel]) -> None:
    """With the required ones, and a member for each type that the model takes; a list may hold more."""
    hints = get_type_hints(typed)

    assert hints.keys() == model.model_fields.keys()
    assert typed.__required_keys__ == {name for name, field in model.model_fields.items() if field.is_required()}
    for name, field in model.model_fields.items():
        scalars = {kind for kind in get_args(field.annotation) or (field.annotation,) if kind in (int, float, bool)}
        assert scalars <= set(get_args(hints[name]) or (hints[name],)), name
        assert get_origin(hints[name]) is not dict, name
