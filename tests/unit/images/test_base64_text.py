"""Base64 as people have it, in every door: the same image comes out, or a reason."""

import base64
import io
import textwrap
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import InvalidRequest, Limits
from llamaq.admission.preparation import Preparation
from llamaq.admission.submission import prepare
from llamaq.images import base64_text, loading
from llamaq.vocabulary.requests import parse
from tests.unit.images.image_factory import make_file

# All characters of both alphabets and padding are in it.
DATA = next(data for data in (make_file(size=(32, 32 + more)) for more in range(60)) if len(data) % 3 == 1)
PLAIN = base64.b64encode(DATA).decode()
FORMS = {
    "a final newline": PLAIN + "\n",
    "blanks around it": f"  \t{PLAIN}\r\n ",
    "a BOM": f"\ufeff{PLAIN}",
    "lines of MIME": base64.encodebytes(DATA).decode(),
    "lines of PEM with CRLF": "\r\n".join(textwrap.wrap(PLAIN, 64)),
    "indented lines": "\n".join(f"    {line}  " for line in textwrap.wrap(PLAIN, 76)),
    "lines that a shell has joined": " ".join(textwrap.wrap(PLAIN, 76)),
    "no padding": PLAIN.rstrip("="),
    "too much padding": PLAIN + "==",
    "the alphabet for URLs": base64.urlsafe_b64encode(DATA).decode(),
    "the same without padding": base64.urlsafe_b64encode(DATA).decode().rstrip("="),
    "a form's blanks for +": PLAIN.replace("+", " "),
    "percent signs": quote(PLAIN, safe=""),
    "a data: URL": f"data:image/png;base64,{PLAIN}",
    "a data: URL with a parameter": f"data:image/png;charset=utf-8;base64,{PLAIN}",
    "a data: URL in lines": "data:image/png;base64,\n" + base64.encodebytes(DATA).decode(),
    "a data: URL with a blank": f" data:image/png;base64, {PLAIN}",
    "a data: URL in capitals": f"DATA:IMAGE/PNG;BASE64,{PLAIN}",
    "a data: URL without its type": f"data:;base64,{PLAIN}",
    "a data: URL through a form": f"data:image/png;base64,{PLAIN.replace('+', ' ')}",
    "a data: URL without data:": f"image/png;base64,{PLAIN}",
    "a data: URL in percent signs": f"data:image/png,{quote(DATA)}",
    "base64 twice": base64.b64encode(PLAIN.encode()).decode(),
}


def by_sdk(text: str) -> bytes:
    """The image of a verb's argument."""
    (image,) = Preparation(Limits(), lambda: "id").prepare("multimodal", {"model": "m", "prompt": "?"}, [text]).images
    return image.data


def by_batch(text: str) -> bytes:
    """The image of a line of a batch."""
    item = {"kind": "multimodal", "model": "m", "prompt": "?", "images": [text]}
    (image,) = Preparation(Limits(), lambda: "id").prepare_item(item).images
    return image.data


def by_inbox(text: str) -> bytes:
    """The image of a request that came as JSON."""
    request = parse({"kind": "multimodal", "model": "m", "prompt": "?", "images": [text]})
    (image,) = prepare(request, "id", Limits()).images
    return image.data


def in_a_message(text: str) -> bytes:
    """The image of a message of a history."""
    request = parse({"kind": "chat", "model": "m", "messages": [{"role": "user", "content": "?", "images": [text]}]})
    (image,) = prepare(request, "id", Limits()).images
    return image.data


@pytest.mark.parametrize("door", [by_sdk, by_batch, by_inbox, in_a_message])
@pytest.mark.parametrize("form", FORMS)
def test_ollama_js_68_omnibot_360_base64_as_people_have_it(form: str, door: Callable[[str], bytes]) -> None:
    """Lines, blanks, both alphabets, with and without padding: the image is the same."""
    assert {"+", "/", "="} <= set(PLAIN)
    assert door(FORMS[form]) == loading.load(DATA, Limits()).data


def test_base64_in_bytes_and_files_is_read() -> None:
    """What `b64encode` returns, and a file that holds a text."""
    for form in (PLAIN, FORMS["lines of MIME"], FORMS["a data: URL"]):
        for source in (form.encode(), bytearray(form.encode()), io.BytesIO(form.encode())):
            assert loading.load(source, Limits()) == loading.load(DATA, Limits())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("scan.jpg", "'.' is none of its characters.*hand in a Path for a file's name"),
        ("not base64!", "'!' is none of its characters"),
        ("ä", "none of its characters"),
        ("\ud800", "none of its characters"),
        (f"{PLAIN[:40]}\\n{PLAIN[40:]}", "none of its characters"),
        (f"{PLAIN}=={PLAIN}", "'=' is none of its characters"),
        (f"b'{PLAIN}'", "shows Python's bytes: hand in the bytes themselves"),
        (PLAIN.rstrip("=")[:-1], "no whole number of bytes, so it is cut"),
        (PLAIN[:-40], "a damaged image: it is cut"),
        ("aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=", "a text that begins with 'hello world hello world"),
        ("data:image/png;base64,aGk=", "a text that begins with 'hi'"),
        ("data:image/svg+xml;utf8,<svg xmlns='x'/>", "SVG, a drawing"),
        ("data:image/png;base64", "';'|':'"),
        ("", "empty"),
        (" \n", "empty"),
        ("data:,", "empty"),
        ("data:image/png;base64,", "empty"),
    ],
)
def test_a_text_that_is_not_base64_of_an_image_is_refused_with_the_reason(text: str, reason: str) -> None:
    """A file's name in a str is the commonest mistake: the message says what to hand in."""
    with pytest.raises(InvalidRequest, match=rf"images\.3: .*(?:{reason})"):
        loading.load(text, Limits(), "images.3")


@given(st.binary(min_size=1), st.integers(1, 100), st.sampled_from(["\n", "\r\n", "\t\n  "]))
def test_wrapped_base64_is_what_was_wrapped(data: bytes, width: int, end: str) -> None:
    """Whatever the bytes, the width of the lines and what ends them."""
    text = base64.b64encode(data).decode()
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    assert base64_text.decode(end.join(lines)) == data
    assert base64_text.decode(end.join(lines).translate(str.maketrans("+/", "-_")).rstrip("=")) == data


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """With `Refused` alone."""
    with pytest.raises(InvalidRequest):
        loading.load(text, Limits())


def test_a_text_over_the_limit_is_refused_before_it_is_decoded() -> None:
    """By its length; lines and padding do not count as bytes."""
    limits = Limits(image_bytes=len(DATA))
    for form in ("lines of MIME", "a data: URL in percent signs", "indented lines"):
        assert loading.load(FORMS[form], limits) == loading.load(DATA, limits)
    with pytest.raises(InvalidRequest, match=r"100000 characters are over the limit of .* bytes"):
        loading.load("A" * 100_000, Limits(image_bytes=1_000))
