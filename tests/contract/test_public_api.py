"""What other backends rely on: the names, their types seen from outside, and that each says what it is."""

import ast
import inspect
import sys
from pathlib import Path
from typing import Any, TypeGuard

import pytest

import llamaq
from tests.commands import run
from tests.contract import golden
from tests.contract.built import CHECKOUT

MODULES = sorted((CHECKOUT / "llamaq").rglob("*.py"))


def test_the_public_names_are_the_golden_ones() -> None:
    """One that goes, or is renamed, breaks somebody: the change is seen here."""
    assert all(hasattr(llamaq, name) for name in llamaq.__all__)
    golden.check("public_names.txt", "".join(f"{name}\n" for name in sorted(llamaq.__all__)))


def test_nothing_public_is_kept_from_the_list() -> None:
    """What the package has and is no module, is in `__all__`; and a name that it lacks is told as any module does."""
    shown = {name for name in dir(llamaq) if not name.startswith("_") and not inspect.ismodule(getattr(llamaq, name))}

    assert shown - {"import_module", "Any"} == set(llamaq.__all__)
    with pytest.raises(AttributeError, match="module 'llamaq' has no attribute 'JobQueu'"):
        getattr(llamaq, "JobQueu")  # noqa: B009 - mypy would see that it is missing


def test_importing_the_package_loads_nothing_else() -> None:
    """A module of the SDK, Redis' client and pydantic come with the first name that needs them."""
    loaded = run([sys.executable, "-c", "import llamaq, sys; print(*sorted(sys.modules))"]).stdout.split()

    assert not {"redis", "pydantic", "asyncio"} & set(loaded)
    assert [name for name in loaded if name.startswith("llamaq")] == ["llamaq", "llamaq.public_names"]


PAIRS = (
    (llamaq.JobQueue, llamaq.AsyncJobQueue),
    (llamaq.Job, llamaq.AsyncJob),
    (llamaq.Conversation, llamaq.AsyncConversation),
)


def _verbs(kind: type) -> dict[str, Any]:
    """What users call, also what is inherited."""
    return {name: getattr(kind, name) for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("blocking", "awaiting"), PAIRS, ids=lambda kind: kind.__name__)
def test_both_clients_have_the_same_verbs(blocking: type, awaiting: type) -> None:
    """The same names, parameters, defaults and docstrings; only `close` is `aclose` where it is awaited."""
    one, other = _verbs(blocking), _verbs(awaiting)
    other = {"close" if name == "aclose" else name: verb for name, verb in other.items()}

    assert set(one) == set(other)
    for name, verb in one.items():
        assert inspect.signature(verb).parameters.keys() == inspect.signature(other[name]).parameters.keys(), name
        assert (verb.__doc__ or "").replace("Async", "") == (other[name].__doc__ or "").replace("Async", ""), name
        assert inspect.getdoc(verb), f"{blocking.__name__}.{name} says nothing"


def _is_own(node: ast.stmt) -> TypeGuard[ast.ClassDef]:
    return isinstance(node, ast.ClassDef) and "Protocol" not in map(ast.unparse, node.bases)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_everything_public_says_what_it_is(path: Path) -> None:
    """A docstring for each module, class, function and method without an underscore, but for protocols, overloads."""
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    inside = [node for owner in tree.body if _is_own(owner) for node in owner.body]
    silent = [
        node.name
        for node in (*tree.body, *inside)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and "overload" not in map(ast.unparse, node.decorator_list)
    ]
    assert silent == []
