"""One build for all tests here: those that use it are of the group `wheel`, so that it is made once."""

from pathlib import Path

import pytest

from tests.contract import built


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    return built.build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="session")
def outside(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the wheel installed, and knows nothing of this checkout."""
    return built.install(wheel, tmp_path_factory.mktemp("outside"))
