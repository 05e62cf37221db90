"""The public names for type checkers and editors: `llamaq/__init__.pyi`, from `llamaq/public_names.py`."""

from pathlib import Path

from llamaq.public_names import MODULES

STUB = Path(__file__).parents[1] / "llamaq" / "__init__.pyi"
HEADER = "# Generated from llamaq/public_names.py by codegen/public_names.py: python3 run.py generate\n"


def generate_stub() -> str:
    """Generate the text of the stub."""
    listed = "".join(f"    {name!r},\n" for name in sorted(name for names in MODULES.values() for name in names))
    lines = [f"from llamaq.{module} import {name} as {name}\n" for module, names in MODULES.items() for name in names]
    return f"{HEADER}{''.join(lines)}\n__version__: str\n__all__ = [\n{listed}]\n".replace("'", '"')
