"""How the programs of the service are called where this process runs; usage texts and remedies say it so."""

from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]


def command_line(command: str, checkout: Path = _CHECKOUT) -> str:
    """The words that start a command, as `worker check`.

    In a checkout that is `python3 run.py worker check`. Where pip has installed the packages and run.py is not
    there, as in the image, it is `python -m worker check`.
    """
    return f"python3 run.py {command}" if (checkout / "checkout/venv.py").is_file() else f"python -m {command}"
