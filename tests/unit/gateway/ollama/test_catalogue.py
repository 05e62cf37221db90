"""The lists of models, out of those of the hosts."""

from typing import Any

import pytest

from gateway.ollama import catalogue
from llamaq import HostStatus, ModelStatus


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "model": name, **more}


def status(name: str, host: str = "h", **more: Any) -> ModelStatus:
    return ModelStatus(model=name.lower(), host=host, **more)


def everything(_: str) -> bool:
    return True


def test_tags_have_one_entry_for_each_name_the_newest_first() -> None:
    """As a host wrote it, with what is not known here; within one second the hosts' order stays."""
    old = entry("a:1", modified_at="2026-01-01T00:00:00Z", new={"x": 1})
    new = entry("A:1", modified_at="2026-02-01T00:00:00.123456789+01:00")
    first, second = (entry(name, modified_at=f"2026-03-01T00:00:00.{name[0] == 'b':d}Z") for name in ("c:1", "b:1"))
    models = [
        status("a:1", listed=old),
        status("a:1", "i", listed=new),
        status("c:1", listed=first),
        status("b:1", listed=second),
        status("d:1", listed=entry("d:1")),
        status("of-an-older-worker:1"),
    ]

    assert catalogue.render_tags(models, everything) == {"models": [first, second, new, entry("d:1")]}


def test_models_that_a_key_may_not_use_are_not_listed() -> None:
    """Neither on disk nor in memory."""
    models = [status("a:1", listed=entry("a:1"), running=entry("a:1")), status("b:1", listed=entry("b:1"))]

    assert catalogue.render_tags(models, lambda name: name == "b:1") == {"models": [entry("b:1")]}
    assert catalogue.render_ps(models, lambda name: name == "b:1") == {"models": []}


def test_ps_has_a_model_once_where_it_stays_longest() -> None:
    """Models of the same weights share an entry."""
    short, long = (entry("a:1", expires_at=f"{year}-01-01T00:00:00Z") for year in (2026, 2319))
    models = [status("a:1", running=short), status("same:1", running=short), status("a:1", "i", running=long)]

    assert catalogue.render_ps(models, everything) == {"models": [long]}


@pytest.mark.parametrize(
    ("versions", "lowest"),
    [
        ([], None),
        ([None], None),
        (["0.32.15", None, "0.9.1"], "0.9.1"),
        (["0.32.1", "0.32.1-rc2"], "0.32.1-rc2"),
        (["0.0.0", "0.32"], "0.0.0"),
    ],
)
def test_the_version_is_the_lowest(versions: list[str | None], lowest: str | None) -> None:
    """By its numbers: what that host cannot do, no client may count on."""
    assert catalogue.lowest_version([HostStatus(host="h", version=version) for version in versions]) == lowest


def test_a_card_that_no_host_has_told() -> None:
    """As far as the lists tell it."""
    listed = entry("a:latest", details={"family": "llama"})
    models = [status("a:latest", listed=listed, capabilities=("completion",))]

    assert catalogue.render_card("A", models, None) == {
        "details": {"family": "llama"},
        "model_info": {},
        "capabilities": ["completion"],
    }
    assert catalogue.render_card("A", models, {"license": "x"}) == {"license": "x"}
