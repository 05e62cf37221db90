"""The commands of docs/operations.md, read from the page."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text("utf-8")
_BLOCK = re.compile(r"^[ ]*```(\w*)\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_HEREDOC = re.compile(r"<<'(\w+)'\n.*?^\1$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Command:
    """One line that an operator types.

    Attributes:
        line: as the page has it.
        program: its first word, or the first three of our own programs, as in `python3 run.py worker`; "setting" for a
            variable alone.
    """

    line: str

    @property
    def program(self) -> str:
        """Without the variables that may stand before it."""
        if re.fullmatch(r"[A-Z_]+='?[^' ]+'?", self.line):
            return "setting"
        words = re.sub(r"^(env )?((\$\(cat \S+\)|[A-Z_]+=\S*) )*", "", self.line).split()
        ours = words[:2] == ["python3", "run.py"]
        return " ".join(words[:3] if ours else words[:1])


def in_blocks() -> list[str]:
    """The lines of the shell blocks, without comments; a here-document belongs to its line."""
    found: list[str] = []
    for language, text in _BLOCK.findall(PAGE):
        if language == "sh":
            found += _lines(text)
    return found


def in_spans() -> list[str]:
    """What stands in backquotes outside of blocks, each once."""
    return list(dict.fromkeys(" ".join(span.split()) for span in _SPAN.findall(_BLOCK.sub("", PAGE))))


def users() -> dict[str, str]:
    """Program -> user of Redis, or "none", by the table of the runbook."""
    rows = re.findall(r"^\| (`[^|]*) \| (`llamaq-\w+`|none) \| [^|]* \|$", PAGE, re.MULTILINE)
    return {name.removesuffix(" ..."): user.strip("`") for names, user in rows for name in _SPAN.findall(names)}


def login() -> str:
    """What `redis-cli ...` stands for."""
    (found,) = re.findall(r"`redis-cli \.\.\.` stands for `([^`]+)`", PAGE)
    return str(found)


def _lines(text: str) -> list[str]:
    documents = iter([match[0] for match in _HEREDOC.finditer(text)])
    whole = _HEREDOC.sub("<<HERE", text).replace("\\\n", " ")
    parts = [part for line in whole.splitlines() for part in re.sub(r"(^|\s)#.*", "", line).split(" && ")]
    lines = [" ".join(part.split()) for part in parts if part.strip()]
    return [line.replace("<<HERE", next(documents)) if "<<HERE" in line else line for line in lines]
