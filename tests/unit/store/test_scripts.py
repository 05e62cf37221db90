"""The Lua scripts: each loads, reads its arguments by their names, and opens with what it takes and answers."""

import re
from pathlib import Path

import pytest
import redis

from embedded.redis import EmbeddedRedis
from llamaq.store import scripts
from llamaq.store.arguments import Arguments
from llamaq.store.producer_scripts import PRODUCER_SCRIPTS
from llamaq.store.worker.worker_scripts import WORKER_SCRIPTS, Append

VERBS = (*PRODUCER_SCRIPTS, *WORKER_SCRIPTS)
DECLARED = r"(?:local|for) (?P<names>[\w, ]+)(?:\((?P<of>[\w, ]*))?|function *[\w.]*\((?P<parameters>[\w, ]*)"
CALLED = r"(?<![.:\w])(?P<called>[a-z_]\w*)\("
LUA_NAMES = {
    "ipairs",
    "pairs",
    "pcall",
    "tonumber",
    "tostring",
    "unpack",
    "error",
    "type",
    "and",
    "or",
    "not",
    "if",
    "function",
}
MOST_LOCALS = 180
"""Lua refuses a function with more than 200. A script counts with what is made within its functions."""


def head(verb: type[Arguments]) -> str:
    """The comment that a Lua file opens with, up to its fragments."""
    text, _, _ = scripts.files()[verb.verb].read_text().partition("-- include:")
    return text


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.verb)
def test_each_verb_compiles_and_has_its_sha(redis_server: EmbeddedRedis, verb: type[Arguments]) -> None:
    """Redis takes the script, under the very SHA-1 by which it is called."""
    script = scripts.load(verb)
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        assert client.script_load(script.text) == script.sha


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.verb)
def test_each_verb_says_what_it_takes_and_answers(verb: type[Arguments]) -> None:
    """Its head is the documentation of the store: it names each argument, and each word that the script answers."""
    text = head(verb)
    answered = set(re.findall(r"return \{?'([A-Z_]+)'|and '([A-Z_]+)' or '([A-Z_]+)'", code(verb)))

    assert "\n-- Arguments  " in text
    assert "\n-- Answers    " in text
    for name in (*verb.names(), *(word for found in answered for word in found if word)):
        assert re.search(rf"\b{name}\b", text), name


def code(verb: type[Arguments]) -> str:
    """What stands behind the fragments."""
    _, _, text = scripts.files()[verb.verb].read_text().partition("-- include:")
    return text


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.verb)
def test_each_verb_reads_its_arguments_by_the_names_that_are_declared(verb: type[Arguments]) -> None:
    """All of them, no other, and none by a number."""
    text = code(verb)
    used = set(re.findall(r"\bgiven\.(\w+)", text))
    if "given[optional]" in text:
        used |= {"target", "notify", "traceparent", "note", "images"}

    assert used == set(verb.names())
    assert verb is Append or "ARGV" not in text, "only a list behind the named arguments is taken by its number"
    assert not re.search(r"\b(?:job|found|spec|about)\[\d", text)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.verb)
def test_each_function_that_a_script_calls_is_in_it(verb: type[Arguments]) -> None:
    """An include that is missing shows here, and not when the line runs for the first time."""
    text = re.sub(r"--[^\n]*|'(?:\\\\.|[^'\\\\\n])*'", "", scripts.load(verb).text)
    known = set(LUA_NAMES)
    for found in re.finditer(DECLARED + "|" + CALLED, text):
        known |= {name for group in ("names", "of", "parameters") for name in re.split(r"[, ]+", found[group] or "")}
        assert found["called"] is None or found["called"] in known, found["called"]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.verb)
def test_each_function_is_declared_above_those_that_use_it(verb: type[Arguments]) -> None:
    """A fragment names those that it stands on, wherever it comes first: else Lua finds nothing under the name."""
    lines = re.sub(r"--[^\n]*|'(?:\\\\.|[^'\\\\\n])*'", "", scripts.load(verb).text).split("\n")
    declared: dict[str, int] = {}
    inner: set[str] = set()  # the same name within a function is another one
    for number, line in enumerate(lines):
        if found := re.match(r"local (?:function (\w+)|(\w+) *(?:= *\{|$))", line):
            declared.setdefault(found[1] or found[2], number)
        for names in re.findall(r"^ +local function (\w+)|function [\w.]*\(([\w, ]*)\)", line):
            inner |= {name.strip() for group in names for name in group.split(",")}

    used = [
        (number, name)
        for number, line in enumerate(lines)
        for name in re.findall(r"(?<![\w.:])(\w+)(?=[.(])", line)
        if name not in inner and declared.get(name, 0) > number
    ]

    assert used == []


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.verb)
def test_each_verb_runs_on_the_redis_in_python_too(verb: type[Arguments]) -> None:
    """`llamaq.testing` runs them there: where it lacks a function of Redis' Lua, a script does without."""
    text = re.sub(r"--[^\n]*", "", scripts.load(verb).text)
    used = set(re.findall(r"\bredis\.(\w+)", text)) - {"call", "pcall", "error_reply", "status_reply"}

    assert all(f"redis.{name} and redis.{name}(" in text for name in used), used


def test_no_script_comes_near_the_most_locals_that_lua_takes() -> None:
    """`submit` has the most fragments."""
    counts = {verb.verb: len(_locals(scripts.load(verb).text)) for verb in VERBS}

    assert max(counts.values()) <= MOST_LOCALS, counts


def _locals(text: str) -> list[str]:
    lines = re.findall(r"^local (?:function (\w+)|([\w, ]+))", text, re.MULTILINE)
    return [name for function, names in lines for name in (function or names).split(",")]


def test_a_fragment_brings_what_it_stands_on_once(tmp_path: Path) -> None:
    """Fragments name others; whoever is named twice comes where it is first needed. Then come the arguments."""
    (tmp_path / "low.lua").write_text("-- low")
    (tmp_path / "high.lua").write_text("-- high\n-- include: low\n-- end of high")
    (tmp_path / "verb.lua").write_text("-- head\n-- include: high low\nreturn 1\n")

    text = scripts.assemble("verb", ("id", "kind"), tmp_path).text
    given = "local given = {id = ARGV[2], kind = ARGV[3]}"
    assert text == f"-- head\n-- high\n-- low\n-- end of high\n{given}\nreturn 1\n"


def test_what_one_function_needs_is_within_it(tmp_path: Path) -> None:
    """It costs the other calls nothing. What the head has is not brought again, and versions are compared as ever."""
    (tmp_path / "keys.lua").write_text("-- keys\nlocal P = ARGV[1]")
    (tmp_path / "low.lua").write_text("-- low\n-- include: keys")
    (tmp_path / "assignment.lua").write_text("-- assignment\n-- include: low")
    (tmp_path / "verb.lua").write_text(
        "-- include: keys low\nlocal function rarely()\n  -- include: assignment\nend\nreturn 1\n"
    )

    script = scripts.assemble("verb", ("id",), tmp_path)

    head, _, own = script.text.partition("local given = {id = ARGV[2]}\n")
    assert head == "-- keys\nlocal P = ARGV[1]\nreturn (function()\n-- low\n\n"
    comparison, _, rest = own.partition("\n")
    assert scripts.OTHER_STORE in comparison
    assert rest == "local function rarely()\n-- assignment\n\nend\nreturn 1\nend)()\n"
    assert script.assigns


def test_each_file_is_a_verb_or_a_fragment() -> None:
    """A verb has its arguments declared, and no two files share a name."""
    fragments = {name for name, path in scripts.files().items() if path.read_text().startswith("-- Fragment")}
    verbs = {verb.verb for verb in VERBS}

    assert fragments.isdisjoint(verbs)
    assert fragments | verbs == set(scripts.files())
    assert len(scripts.files()) == len(list(scripts.LUA.rglob("*.lua")))
