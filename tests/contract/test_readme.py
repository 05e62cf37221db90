"""The README's table of settings is the settings."""

import re

from tests.contract.built import CHECKOUT
from worker.settings.environment import Settings


def _table() -> dict[str, str]:
    path = CHECKOUT / "README.md"
    assert path.exists(), "README.md is missing"
    rows = re.findall(r"^\| ((?:`LLAMAQ_\w+`(?:, )?)+) \|(.*?)\|", path.read_text("utf-8"), re.MULTILINE)
    assert rows, "README.md has no table of settings: | `LLAMAQ_...` | default | meaning |"
    return {name: default.strip().strip("`") for names, default in rows for name in re.findall(r"LLAMAQ_\w+", names)}


def test_the_table_has_each_setting_and_no_other() -> None:
    """What is not in the table, nobody can find; what is not in the settings, does nothing."""
    assert set(_table()) == {f"LLAMAQ_{name.upper()}" for name in Settings.model_fields}


def test_the_defaults_in_the_table_are_the_defaults() -> None:
    """Where the default is a value; where it is made of other things, the table says of which."""
    made = {"LLAMAQ_OLLAMA_URL": "OLLAMA_HOST", "LLAMAQ_HOST": "<host>:<port>"}
    made |= {"LLAMAQ_SLOTS": "else 1", "LLAMAQ_MAX_MODELS": "else 1", "LLAMAQ_LOG_FORMAT": "on a terminal"}
    for variable, shown in _table().items():
        default = Settings.model_fields[variable.removeprefix("LLAMAQ_").lower()].default
        if variable in made:
            assert made[variable] in shown
        else:
            assert shown.replace(",", "") in (("", "off") if default in (None, "") else (str(default),)), variable
