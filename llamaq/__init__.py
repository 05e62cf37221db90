"""llamaq: a dependable job queue in front of Ollama. Other backends install and import this package.

from llamaq import JobQueue

queue = JobQueue("redis://127.0.0.1:6379/0")
job = queue.generate("llama3.2", "Explain entanglement")
for text in job.text():
    print(text, end="")
"""

from importlib import import_module
from typing import Any

from llamaq.public_names import MODULES as _MODULES

__version__ = "0.2.0"
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 - each name is written once


# A module is imported when one of its names is first used: a program that uses an error class alone does not load
# Redis' client and asyncio. Type checkers read `__init__.pyi`, which is generated.
def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
