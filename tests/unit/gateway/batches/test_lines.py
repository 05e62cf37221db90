"""The lines of a batch, read from pieces of a file."""

import asyncio
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import UploadFile

from gateway.batches import uploads
from gateway.batches.lines import MOST_LINES, MOST_PROBLEMS, LineReader
from gateway.batches.outcome import answered_line, dropped_line, failed_line
from llamaq.vocabulary.errors import JobExpired

URL = "/v1/embeddings"


def line(name: str, **more: object) -> str:
    return json.dumps({"custom_id": name, "method": "POST", "url": URL, "body": {"model": "m"}, **more})


def read(*pieces: str) -> tuple[list[tuple[int, str]], LineReader]:
    reader = LineReader(URL)
    found = [(each.number, each.custom_id) for piece in pieces for each in reader.read_piece(piece)]
    reader.finish()
    return found, reader


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_counted_with_blank_ones(end: str) -> None:
    """So that a number is the one that an editor shows; a mark at the beginning is no part of the first line."""
    text = end.join(["\ufeff" + line("a"), "", line("b"), "  ", line("c")])

    found, reader = read(text)

    assert found == [(1, "a"), (3, "b"), (5, "c")]
    assert (reader.total, reader.number, reader.problems) == (3, 5, [])


def test_pieces_go_on_where_the_last_one_ended() -> None:
    """Numbers and names are those of the whole file."""
    found, reader = read(f"{line('a')}\n", f"{line('b')}\n{line('a')}\n")

    assert found == [(1, "a"), (2, "b")]
    assert [(one["code"], one["line"]) for one in reader.problems] == [("duplicate_custom_id", 3)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_file"),
        ("\n \n", "empty_file"),
        ("\ufeff\n", "empty_file"),
        ("x\n" * (MOST_LINES + 1), "invalid_json_line"),
    ],
)
def test_what_only_the_whole_file_tells(text: str, code: str) -> None:
    """A file has lines, but not too many; the list of problems is bounded."""
    _, reader = read(text)

    assert reader.problems[0]["code"] == code
    assert len(reader.problems) <= MOST_PROBLEMS


def test_too_many_lines_are_told() -> None:
    """Whatever they are."""
    _, reader = read("".join(f"{line(str(number))}\n" for number in range(MOST_LINES + 1)))

    (problem,) = reader.problems
    assert (problem["code"], problem["line"]) == ("too_many_requests", None)


@given(st.text(alphabet=st.sampled_from("ab\n\r\né€😀"), max_size=60), st.integers(1, 9), st.integers(1, 9))
def test_pieces_join_to_the_file_and_end_with_lines(text: str, chars: int, chunk: int) -> None:
    """However the bytes come, also within a character."""

    async def pieces() -> list[str]:
        return [piece async for piece in uploads.split_pieces(UploadFile(io.BytesIO(text.encode())))]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(uploads, "PIECE_CHARS", chars)
        patched.setattr(uploads, "READ_BYTES", chunk)
        found = asyncio.run(pieces())

    assert "".join(found) == text
    assert all(piece.endswith("\n") for piece in found[:-1])
    assert all(piece[chars:-1].count("\n") == 0 for piece in found)


def test_an_outcome_has_openais_form() -> None:
    """One line of JSON with the name that its producer gave it."""
    reader = LineReader(URL)
    (one,) = reader.read_piece(line("a"))
    good = answered_line("batch_1", one, "batch_1-1", {"usage": {"input_tokens": 2, "output_tokens": 3}})
    embedded = answered_line("batch_1", one, "j", {"usage": {"prompt_tokens": 2, "total_tokens": 2}})
    bad = failed_line("batch_1", one, "batch_1-1", JobExpired("batch_1-1", "too late"))
    late = dropped_line("batch_1", one, "batch_expired", "too late")

    assert (good.file, good.usage, embedded.usage) == ("output", (2, 3), (2, 0))
    assert json.loads(good.text)["response"]["status_code"] == 200
    assert [each.text.count("\n") for each in (good, bad, late)] == [1, 1, 1]
    row = json.loads(bad.text)
    assert (bad.file, row["custom_id"], row["error"]) == ("errors", "a", None)
    assert (row["response"]["status_code"], row["response"]["body"]["error"]["code"]) == (504, "expired")
    assert json.loads(late.text)["error"]["code"] == "batch_expired"
    assert json.loads(late.text)["id"] == "batch_req_1_1"
