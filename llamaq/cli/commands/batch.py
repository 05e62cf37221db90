"""The command batch, and what `extract --file` does: runs over the lines of a file."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from llamaq.cli.commands.file_run import FileRun
from llamaq.cli.input.jsonl import Input, RequestLine
from llamaq.cli.input.numbers import WholeRange
from llamaq.cli.session import Session
from llamaq.cli.verb import Verb
from llamaq.client.batches import IN_FLIGHT
from llamaq.extraction.schema import check_schema, schema_of
from llamaq.vocabulary.requests import KINDS

in_flight_option = click.option(
    "--in-flight",
    type=WholeRange(1, 256),
    default=IN_FLIGHT,
    show_default=True,
    metavar="N",
    help="Jobs on their way at a time.",
)
retry_option = click.option(
    "--retry-failed", is_flag=True, help="Try again what failed in an earlier run; without, its failure stands."
)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path, allow_dash=True)
F = TypeVar("F", bound=Callable[..., Any])


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq batch questions.jsonl answers.jsonl
  llamaq batch questions.jsonl - --in-flight 32 | jq -r .result.text
  llamaq batch questions.jsonl answers.jsonl --retry-failed

\b
A line of the input:
  {"custom_id": "q1", "kind": "generate", "request": {"model": "llama3.2", "prompt": "Why?"}}""",
)
@click.argument("source", metavar="IN.JSONL", type=_FILE)
@click.argument("out", metavar="OUT.JSONL", type=_OUT)
@in_flight_option
@retry_option
@click.option("--run", default="", metavar="NAME", help="A name for this run: another one does everything anew.")
@click.pass_obj
def batch(session: Session, /, source: Path, out: Path, in_flight: int, retry_failed: bool, run: str) -> None:
    """Run the requests of a file, and write each result as a line when it ends.

    They wait in the lane `batch`, unless a request names another. After an interruption the same command continues,
    and does nothing twice.
    """
    FileRun(Input(source, _read_request), _file_or_stdout(out), in_flight, False, retry_failed, run).run_requests(
        session
    )


def _read_request(_number: int, line: Any) -> RequestLine:
    if not isinstance(line, dict) or not isinstance(line.get("request"), dict):
        raise ValueError('want an object with "custom_id", "kind" and "request"')  # noqa: TRY004 - the file's content
    if unknown := line.keys() - {"custom_id", "kind", "request"}:
        raise ValueError(f'unknown field {min(unknown)!r}; a request\'s own fields belong into "request"')
    if line.get("kind") not in KINDS:
        raise ValueError(f"kind {line.get('kind')!r} is none of {', '.join(KINDS)}")
    return RequestLine(_check_custom_id(line.get("custom_id")), {"kind": line["kind"], **line["request"]})


@dataclass(frozen=True, slots=True)
class FileOptions:
    """The options of `extract` for a file of texts."""

    source: Path | None
    out: Path | None
    in_flight: int
    retry_failed: bool

    def check(self, *, alone: bool) -> None:
        """Raise click.UsageError unless `alone`: without arguments that belong to a single PROMPT."""
        if not alone:
            raise click.UsageError("--file stands in PROMPT's place; neither --image nor --detach goes with it")


def file_options(command: F) -> F:
    """Give a command the options for a file, as one argument `of_file`."""

    @wraps(command)
    def gather(*args: Any, source: Any, out: Any, in_flight: int, retry_failed: bool, **given: Any) -> Any:
        return command(*args, of_file=FileOptions(source, out, in_flight, retry_failed), **given)

    for option in (
        retry_option,
        in_flight_option,
        click.option("--out", type=_OUT, metavar="OUT.JSONL", help="Write the results of --file there, not to stdout."),
        click.option("--file", "source", type=_FILE, metavar="ITEMS.JSONL", help="Many texts, one on each line."),
    ):
        gather = option(gather)
    return gather  # type: ignore[return-value]  # click's decorators keep the function


def build_file_run(model: str, schema: Any, given: dict[str, Any], of_file: FileOptions) -> FileRun:
    """Build the run over a file of texts. Each line is a text, or an object with a `prompt`.

    Raises:
        InvalidRequest: the schema is not usable.
    """
    check_schema(found := schema_of(schema))
    run = given.pop("idempotency_key", "")
    common = {"kind": "extraction", "model": model, "schema": found, **given}

    def read(number: int, line: Any) -> RequestLine:
        own = {"prompt": line} if isinstance(line, str) else line
        if not isinstance(own, dict):
            raise ValueError('want a string, or an object with a "prompt"')  # noqa: TRY004 - the file's content
        name = _check_custom_id(own.get("custom_id", f"line-{number}"))
        return RequestLine(name, common | {key: part for key, part in own.items() if key != "custom_id"})

    assert of_file.source is not None  # noqa: S101 - the caller has checked it
    return FileRun(
        Input(of_file.source, read), _file_or_stdout(of_file.out), of_file.in_flight, True, of_file.retry_failed, run
    )


def _file_or_stdout(path: Path | None) -> Path | None:
    return None if path is None or str(path) == "-" else path


def _check_custom_id(given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise ValueError(f"custom_id must be a string, not {given!r}")
    return given
