"""The file of keys, and the command that writes it."""

import os
import stat
from pathlib import Path

import pytest

from gateway.access import key_command
from gateway.access.caller import Caller
from gateway.access.keys_file import Entry, KeysFile, WrongKeysFile, hash_key, parse_entries, render_line

DIGEST = hash_key("key")
FULL = Caller("ci", "acme", "batch", 5, 60, ("llama3.2", "qwen3:*"), admin=True)


def test_a_line_is_read_as_it_is_written() -> None:
    """All columns, and only the first two: then the tenant has the key's name, and there are no limits."""
    assert parse_entries(render_line(Entry(DIGEST, FULL))) == (Entry(DIGEST, FULL),)
    assert parse_entries(f"# a remark\n\n  ci {DIGEST.upper()}\n") == (Entry(DIGEST, Caller("ci", "ci")),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ci", "1 columns"),
        (f"ci {DIGEST} a b c d e f g", "9 columns"),
        (f"c/i {DIGEST}", "the name"),
        ("ci secret", "SHA-256"),
        (f"ci {DIGEST} a:b", "the tenant"),
        (f"ci {DIGEST} a fast", "lane"),
        (f"ci {DIGEST} a batch many", "most waiting"),
        (f"ci {DIGEST} a batch 0", "most waiting"),
        (f"ci {DIGEST} a batch 1 ²", "requests a minute"),
        (f"ci {DIGEST} a batch 1 1 - yes", "admin"),
        (f"ci {DIGEST} a batch 1 1 ,", "no member: leave the setting out"),
        (f"ci {DIGEST}\nci {hash_key('other')}", "line 2: a second key"),
        (f"ci {DIGEST}\nweb {DIGEST}", "line 2: a second line has this SHA-256"),
        (f"{DIGEST} {DIGEST}\nweb {DIGEST.upper()}", "line 2: a second line has this SHA-256"),
    ],
)
def test_a_wrong_line_is_named_and_not_quoted(text: str, says: str) -> None:
    """The number of the line and what is wrong with it."""
    with pytest.raises(WrongKeysFile, match=says) as refused:
        parse_entries(text)

    assert "secret" not in str(refused.value)
    assert DIGEST not in str(refused.value)


@pytest.mark.parametrize("models", ["", " ", ",", "llama3.2 qwen3:*"])
def test_no_model_is_not_every_model(models: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As of a variable that is not set: `--models "$MODELS"`."""
    with pytest.raises(SystemExit) as refused:
        key_command.main(["add", "ci", "--models", models], str(tmp_path / "keys"))

    assert refused.value.code == 2
    assert "argument --models: " in capsys.readouterr().err
    assert not (tmp_path / "keys").exists()


def test_a_limit_is_read_as_it_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Python would take `1_0` as 10."""
    with pytest.raises(SystemExit):
        key_command.main(["add", "ci", "--rate", "1_0"], str(tmp_path / "keys"))

    assert "argument --rate: '1_0' is no whole number" in capsys.readouterr().err


def test_a_key_is_made_shown_once_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file has its digest alone, and nobody else may read it."""
    path = tmp_path / "keys"
    options = ["--tenant", "acme", "--lane", "batch", "--waiting", "5", "--rate", "60"]

    assert key_command.main(["add", "ci", *options, "--models", "llama3.2,qwen3:*", "--admin"], str(path)) == 0
    key = capsys.readouterr().out.strip()
    assert key not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys = KeysFile(path)
    assert keys.find_holder(key) == FULL
    assert keys.find_holder(f"{key}x") is None
    assert key_command.main(["add", "ci"], str(path)) == 1
    assert "there is a key 'ci' already: take another name, or remove that one first: " in capsys.readouterr().err
    assert key_command.main(["list"], str(path)) == 0
    assert [one.split() for one in capsys.readouterr().out.splitlines()[1:]] == [
        ["ci", "acme", "batch", "5", "60", "llama3.2,qwen3:*", "admin"]
    ]
    assert key_command.main(["remove", "cd"], str(path)) == 1
    assert "there is no key 'cd'; there are: ci" in capsys.readouterr().err
    assert key_command.main(["remove", "ci"], str(path)) == 0
    assert keys.find_holder(key) is None
    assert key_command.main(["remove", "ci"], str(path)) == 1


@pytest.mark.parametrize(
    ("path", "words", "says"),
    [
        ("no such/keys", ["add", "ci"], "make its folder first: mkdir -p '"),
        ("no such/keys", ["list"], "it is not there; the first `gateway key add NAME` makes it"),
        (".", ["remove", "ci"], "Is a directory"),
    ],
)
def test_a_file_that_cannot_be_written_is_named_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, words: list[str], says: str
) -> None:
    """Not the file beside it that is the lock."""
    assert key_command.main(words, str(tmp_path / path)) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"{tmp_path / path}: ")
    assert says in said
    assert ".lock" not in said


def test_the_file_may_vanish_for_a_moment(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The keys stay, the log says so once, and they are read again when it is back."""
    path = tmp_path / "keys"
    path.write_text(f"ci {DIGEST}\n")
    keys = KeysFile(path)
    os.unlink(path)  # noqa: PTH108 - as an editor does it

    assert [keys.find_holder("key"), keys.find_holder("key")] == [Caller("ci", "ci")] * 2
    assert len(caplog.records) == 1
    path.write_text(f"ci {hash_key('other')}\n")
    assert keys.find_holder("key") is None
    assert keys.find_holder("other") == Caller("ci", "ci")


@pytest.mark.parametrize(
    ("pattern", "model", "may"),
    [
        ("llama3.2", "llama3.2:latest", True),
        ("llama3.2", "LLAMA3.2:3b", True),
        ("llama3.2:3b", "llama3.2", False),
        ("qwen3:*", "qwen3:8b", True),
        ("qwen*", "library/qwen3", True),
        ("llama3.2", "llama3.2-vision", False),
        ("hf.co/*", "hf.co/a/b:q4", True),
    ],
)
def test_a_pattern_without_a_tag_is_for_each_tag(pattern: str, model: str, may: bool) -> None:
    """Names are compared as Ollama normalises them."""
    assert Caller("a", "a", models=(pattern,)).may_use(model) is may
