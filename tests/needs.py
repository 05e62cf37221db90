"""`@pytest.mark.needs("nginx")`: a test whose program is missing is skipped, and one line at the end tells of all.

With `CI` set it fails instead, and so does a run in which anything was skipped for whatever reason.
"""

import os
from functools import cache

import pytest

from tests.programs import FIXTURES, MARKS, PACKAGES, missing

KEY = "needs"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "needs(program, ...): what it runs beside Python; see tests/programs.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A name that is not in the table is a mistake of whoever wrote it, wherever the tests run."""
    for item in items:
        if unknown := _needs(item) - PACKAGES.keys():
            raise pytest.UsageError(f"{item.nodeid} needs {unknown}, of which tests/programs.py knows nothing")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Ahead of its fixtures, which would start what is not there."""
    lacking = _missing(frozenset(_needs(item)))
    if not lacking:
        return
    if _in_ci():
        pytest.fail(f"missing: {', '.join(lacking)} (run.py test --all)", pytrace=False)
    item.user_properties.append((KEY, ",".join(lacking)))  # a report takes these from pytest-xdist's workers to the end
    pytest.skip(f"needs {', '.join(lacking)}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """CI takes no run for good that left something out."""
    if _in_ci() and _skipped(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """The very last line: what was skipped, and the command that brings what it needs."""
    lacking = [
        str(names).split(",") for report in _skipped(config) for key, names in report.user_properties if key == KEY
    ]
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if lacking and reporter:
        reporter.write_line(_summary(lacking))


def _summary(lacking: list[list[str]]) -> str:
    names = [need for need in PACKAGES if any(need in some for some in lacking)]
    remedy = "; `python3 run.py test --all` installs them (Debian, as root)"
    brought = any(PACKAGES[need] for need in names)
    return f"skipped: {len(lacking)} tests that need {', '.join(names)}{remedy if brought else ''}"


def _needs(item: pytest.Item) -> set[str]:
    named = {need for mark in item.iter_markers("needs") for need in mark.args}
    named.update(*(MARKS.get(mark.name, ()) for mark in item.iter_markers()))
    return named.union(*(FIXTURES.get(fixture, ()) for fixture in getattr(item, "fixturenames", ())))


@cache
def _missing(needs: frozenset[str]) -> tuple[str, ...]:
    return tuple(missing(needs))


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def _skipped(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get("skipped", []) if reporter else []
