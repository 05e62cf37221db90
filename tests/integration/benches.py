"""A bench in the test's own process; its workers, hosts and gateways are forked."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bench.environment import workers
from tests import forked


def run_bench(patch: pytest.MonkeyPatch, main: Callable[[], None], *arguments: object) -> None:
    """Run its `main` with these arguments."""
    patch.setattr(sys, "argv", ["bench", *map(str, arguments)])
    patch.setattr(workers, "spawn", _spawn)
    main()


def _spawn(command: Sequence[str], **how: Any) -> forked.Program:
    """`forked.spawn` for `env NAME=VALUE ... PROGRAM`."""
    first = next(at for at, word in enumerate(command[1:], 1) if "=" not in word)
    variables = dict(word.split("=", 1) for word in command[1:first])
    return forked.spawn(command[first:], environment={**os.environ, **variables}, **how)
