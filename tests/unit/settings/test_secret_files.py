"""Secrets that come as files: for the worker's settings and the producer's alike."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import redis
from pydantic import ValidationError

from llamaq import InvalidRequest
from llamaq.settings.environment import read
from llamaq.settings.secret_files import add_password, read_secret
from worker.settings.environment import Settings, load_settings

ODD = "p@ss/w:rd#?%&="


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a password that a URL would misread, and the line's end that `echo` leaves."""
    path = tmp_path / "secret"
    path.write_text(ODD + "\n")
    return path


@pytest.mark.parametrize(
    "url", ["redis://user@r:1/2?client_name=b", "rediss://r:1/2?ssl_cert_reqs=required", "redis://r:1/2"]
)
def test_a_password_goes_into_the_url_whole(url: str, file: Path) -> None:
    """Whatever characters it has; user, place and query stay."""
    made = urlsplit(add_password(url, read_secret(str(file))))

    assert unquote(made.password or "") == ODD
    assert (made.hostname, made.port, made.path) == ("r", 1, "/2")
    assert made.query == urlsplit(url).query
    assert (made.username or "") == (urlsplit(url).username or "")
    client = redis.Redis.from_url(made.geturl())
    assert client.connection_pool.connection_kwargs["password"] == ODD


def test_both_sides_read_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`LLAMAQ_REDIS_PASSWORD_FILE`, for the worker and for the SDK's from_env."""
    given = {"LLAMAQ_REDIS_URL": "redis://me@r:1/0", "LLAMAQ_REDIS_PASSWORD_FILE": str(file)}
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert Settings().redis_url == read(given)[0] == add_password("redis://me@r:1/0", ODD)


def test_the_token_comes_from_its_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`LLAMAQ_OLLAMA_TOKEN_FILE`; it is as hidden as one that was given outright."""
    monkeypatch.setenv("LLAMAQ_OLLAMA_TOKEN_FILE", str(file))

    read_in = Settings()

    assert read_in.ollama_token is not None
    assert read_in.ollama_token.get_secret_value() == ODD
    assert ODD not in repr(read_in)


BAD = {
    "missing": None,
    "empty": b"",
    "blank line": b"\n",
    "two lines": b"planted-1\nplanted-2\n",
    "no text": b"\xff\x00",
}
BAD["endless"] = b"x" * 100_000


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("variable", ["LLAMAQ_REDIS_PASSWORD_FILE", "LLAMAQ_OLLAMA_TOKEN_FILE"])
def test_a_file_that_holds_no_secret_is_named(
    what: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its variable, and without a word of what is in it."""
    path = tmp_path / "file"
    content = BAD[what]
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(variable, str(path))

    with pytest.raises(ValidationError) as refused:
        load_settings.__wrapped__()
    told = [str(refused.value)]
    if variable == "LLAMAQ_REDIS_PASSWORD_FILE":
        with pytest.raises(InvalidRequest, match=variable) as also:
            read({variable: str(path)})
        told.append(str(also.value))

    assert variable in told[0]
    assert all(str(path) in said and "planted" not in said for said in told)


@pytest.mark.parametrize(
    ("plain", "file_variable"),
    [
        ({"LLAMAQ_REDIS_URL": "redis://me:planted@r:1/0"}, "LLAMAQ_REDIS_PASSWORD_FILE"),
        ({"LLAMAQ_OLLAMA_TOKEN": "planted"}, "LLAMAQ_OLLAMA_TOKEN_FILE"),
    ],
)
def test_two_secrets_for_one_thing_are_refused(
    plain: dict[str, str], file_variable: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of the two counts would be a guess."""
    for name, value in {**plain, file_variable: str(file)}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError, match=file_variable) as refused:
        load_settings.__wrapped__()

    assert "planted" not in str(refused.value)
