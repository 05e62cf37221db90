"""The commands that submit one job: generate, describe, extract, embed. The command chat is in chat.py."""

from pathlib import Path
from typing import Any, BinaryIO

import click

from llamaq.cli.commands import batch, image_batch
from llamaq.cli.commands.follow import print_or_follow
from llamaq.cli.input import schema_source
from llamaq.cli.input.image_arguments import (
    DEFAULT_PROMPT,
    Subject,
    is_file,
    is_image_name,
    missing_image_error,
    split_arguments,
)
from llamaq.cli.input.numbers import Whole, WholeRange
from llamaq.cli.input.request import given_fields, read_lines, read_text, request_options
from llamaq.cli.session import Session
from llamaq.cli.verb import Verb

_FORMAT = click.option("--format", type=click.Choice(["json"]), help="Make the model answer with JSON.")
_MAX_EDGE = click.option("--max-edge", type=Whole(), metavar="PIXELS", help="Scale larger images down to that.")
_SYSTEM = click.option("--system", metavar="TEXT", help="What the model is told beforehand.")


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq generate llama3.2 "Explain entanglement"
  git diff | llamaq generate llama3.2 - --system "Write a commit message"
  llamaq generate llama3.2 "Say hi" --option temperature=0 --option num_predict=20
  id=$(llamaq generate llama3.2 "A long story" --detach); llamaq follow $id""",
)
@click.argument("model")
@click.argument("prompt")
@_SYSTEM
@_FORMAT
@request_options
@click.pass_obj
def generate(session: Session, /, model: str, prompt: str, *, detach: bool, as_json: bool, **given: Any) -> None:
    """Complete PROMPT with MODEL. PROMPT - reads stdin."""
    job = session.queue.generate(model, read_text(prompt), **given_fields(given))
    print_or_follow(session, job, "generate", detach=detach, as_json=as_json)


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq describe llava:7b photo.jpg "What is it?"
  llamaq describe llava:7b *.jpg --max-edge 1024 > seen.txt
  llamaq describe llava:7b before.png after.png "What has changed?" --together
  llamaq describe llava:7b scan.jpg --prompt Transcribe""",
)
@click.argument("model", metavar="[MODEL]")
@click.argument("words", nargs=-1, metavar="IMAGE... [PROMPT]")
@click.option("--together", is_flag=True, help="All images in one request, to be compared; else each in its own.")
@_MAX_EDGE
@batch.in_flight_option
@click.option("--prompt", metavar="TEXT", help="The prompt, where it could be taken for a file's name; - reads stdin.")
@_SYSTEM
@_FORMAT
@request_options
@click.pass_obj
def describe(
    session: Session,
    /,
    model: str,
    words: tuple[str, ...],
    prompt: str | None,
    *,
    together: bool,
    in_flight: int,
    detach: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Answer PROMPT about each of the images.

    The last argument is the prompt, unless it is a file or looks like a file's name; without one the model is asked
    to describe what it sees. MODEL may be left out where the fleet has only one that sees.
    """
    if is_file(model):
        model, words = image_batch.find_vision_model(session), (model, *words)
    elif is_image_name(model):
        raise missing_image_error(model)
    subject = Subject(words, prompt) if prompt is not None else split_arguments(words)
    question, paths = read_text(subject.prompt or DEFAULT_PROMPT), subject.paths()
    if len(paths) > 1 and not together:
        request = {"model": model, "prompt": question, **given_fields(given)}
        image_batch.ImageBatch(paths, request, in_flight).run(session, detach=detach, as_json=as_json)
        return
    job = session.queue.multimodal(model, question, images=paths, **given_fields(given))
    print_or_follow(session, job, "multimodal", detach=detach, as_json=as_json)


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq extract llama3.2 "Dune, by Frank Herbert, 1965" --schema book.json
  llamaq extract llama3.2 - --schema shop.models:Invoice < mail.txt | jq .total
  llamaq extract llava:7b "Read the receipt" --schema receipt.json --image receipt.jpg
  llamaq extract llama3.2 --schema book.json --file reviews.jsonl --out books.jsonl""",
)
@click.argument("model")
@click.argument("prompt", required=False)
@click.option(
    "--schema",
    required=True,
    metavar="FILE|MODULE:CLASS",
    callback=schema_source.load,
    help="A file with a JSON Schema, or a pydantic model to import.",
)
@click.option(
    "--image",
    "images",
    multiple=True,
    type=click.Path(path_type=Path),
    help="An image to draw the value out of; repeatable.",
)
@_MAX_EDGE
@_SYSTEM
@click.option("--repairs", type=WholeRange(0, 5), metavar="N", help="Ask again at most N times (2).")
@batch.file_options
@request_options
@click.pass_obj
def extract(
    session: Session,
    /,
    model: str,
    prompt: str | None,
    schema: Any,
    images: tuple[Path, ...],
    *,
    of_file: batch.FileOptions,
    detach: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Draw a value out of PROMPT that is valid against a schema, and print it as JSON. PROMPT - reads stdin.

    With --file in PROMPT's place, a value out of each line of a file: a JSON string, or an object with a "prompt". The
    results come in the order of the file, one JSON object per line. After an interruption the same command goes on
    where it was, and does nothing twice.
    """
    if of_file.source is not None:
        of_file.check(alone=prompt is None and not images and not detach)
        batch.build_file_run(model, schema, given_fields(given), of_file).run_requests(session)
        return
    if prompt is None:
        raise click.UsageError("give a PROMPT, or a --file of them")
    job = session.queue.extract(model, read_text(prompt), schema=schema, images=images or None, **given_fields(given))
    print_or_follow(session, job, "extraction", detach=detach, as_json=as_json)


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq embed nomic-embed-text "a text" "another text" > vectors.jsonl
  llamaq embed nomic-embed-text --lines chunks.txt --dimensions 256 > vectors.jsonl
  llamaq embed nomic-embed-text - < document.txt""",
)
@click.argument("model")
@click.argument("texts", nargs=-1, metavar="TEXT...")
@click.option("--lines", type=click.File("rb"), help="A file with a text on each line; - is stdin.")
@click.option("--dimensions", type=Whole(), metavar="N", help="Keep so many numbers of each vector.")
@click.option("--truncate", is_flag=True, default=None, help="Cut a text that is too long for the model.")
@request_options
@click.pass_obj
def embed(
    session: Session,
    /,
    model: str,
    texts: tuple[str, ...],
    *,
    lines: BinaryIO | None,
    detach: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Print one vector for each TEXT, as a JSON array on a line of its own. TEXT - reads stdin, as one text."""
    inputs = [*map(read_text, texts), *read_lines(lines)]
    if not inputs:
        raise click.UsageError("give a TEXT, or --lines with a file of them")
    job = session.queue.embed(model, inputs, **given_fields(given))
    print_or_follow(session, job, "embedding", detach=detach, as_json=as_json)
