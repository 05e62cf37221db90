"""The Lua scripts: each loads, with its fragments, and opens with what it takes and answers."""

from pathlib import Path

import pytest

from embedded.redis import EmbeddedRedis
from llamaq.store import scripts
from llamaq.store.connection import Call, connect, run, run_many

VERBS = [path for of in ("producer", "worker") for path in sorted((scripts.LUA / of).glob("*.lua"))]


@pytest.mark.parametrize("path", VERBS, ids=lambda path: path.stem)
def test_each_verb_compiles_and_has_its_sha(redis_server: EmbeddedRedis, path: Path) -> None:
    """Redis takes the script, under the very SHA-1 by which it is called."""
    script = scripts.load(path.stem)
    with connect(redis_server.url) as client:
        assert client.script_load(script.text) == script.sha


@pytest.mark.parametrize("path", VERBS, ids=lambda path: path.stem)
def test_each_verb_says_what_it_takes_and_answers(path: Path) -> None:
    """Its head is the documentation of the store."""
    head = path.read_text()
    assert head.startswith("-- ")
    for word in ("ARGV  1", "Returns  "):
        assert word in head


def test_a_fragment_brings_what_it_stands_on_once(tmp_path: Path) -> None:
    """Fragments name others; whoever is named twice comes where it is first needed."""
    (tmp_path / "low.lua").write_text("-- low")
    (tmp_path / "high.lua").write_text("-- high\n-- include: low\n-- end of high")
    (tmp_path / "verb.lua").write_text("-- head\n-- include: high low\nreturn 1\n")

    assert scripts.load("verb", tmp_path).text == "-- head\n-- high\n-- low\n-- end of high\nreturn 1\n"


def test_each_file_is_a_verb_or_a_fragment() -> None:
    """Verbs stand in the folders of those who run them, fragments in those of their nouns; no two share a name."""
    fragments = {path for path in scripts.LUA.rglob("*.lua") if path.read_text().startswith("-- Fragment")}

    assert fragments.isdisjoint(VERBS)
    assert {*fragments, *VERBS} == set(scripts.LUA.rglob("*.lua")) == set(scripts.files().values())


def test_a_script_that_redis_forgot_is_sent_again(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """A restart of Redis empties its scripts: alone or among many, a call still has its answer."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.lua").write_text(f"return '{name}' .. ARGV[1]")
    calls = [Call(scripts.load(name, tmp_path), [index]) for index, name in enumerate("abab")]
    with EmbeddedRedis.start(appendonly=False) as server, connect(server.url) as client:
        client.script_flush()
        assert run(client, calls[0]) == "a0"
        client.script_flush()
        assert run_many(client, calls) == ["a0", "b1", "a2", "b3"]


def test_an_error_in_one_of_many_stands_in_its_place(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """The others have their answers."""
    (tmp_path / "good.lua").write_text("return 'good'")
    (tmp_path / "bad.lua").write_text("return redis.error_reply('BAD')")
    good, bad = (Call(scripts.load(name, tmp_path), []) for name in ("good", "bad"))
    with connect(redis_server.url) as client:
        first, second, third = run_many(client, [good, bad, good])

    assert (first, third) == ("good", "good")
    assert isinstance(second, Exception)
