"""What a set-up prints: one line that is rewritten on a terminal, and a few lines in a pipe."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from checkout import pip, progress
from embedded.child import bind_command
from tests.commands import run

WORK = """
import sys
from checkout.progress import Progress
with Progress("doing it") as work:
    work.show("1 of 2")
    work.remark("by the way")
    work.show("2 of 2")
    sys.exit(int(sys.argv[1]))
"""
PIP = """
import sys, time
print("Ignoring colorama: markers don't match")
print("Collecting amqp==5.4.2 (from -r requirements/service.txt (line 2))")
print("  Downloading amqp-5.4.2-py3-none-any.whl (51 kB)")
print("Collecting xllamacpp==1 (from -r requirements/model.txt (line 2))")
print("  Downloading xllamacpp-1-cp310-abi3-any.whl.metadata (3 kB)")
print("  Downloading xllamacpp-1-cp310-abi3-any.whl (34.1 MB)")
print("WARNING: Retrying (Retry(total=4)): timed out", file=sys.stderr, flush=True)
print("WARNING: Retrying (Retry(total=3)): timed out", file=sys.stderr, flush=True)
print("Installing collected packages: amqp, xllamacpp", end="")
"""


def on_a_terminal(*command: str) -> str:
    """What a program shows on a terminal, as it was sent there."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(bind_command(command), stdin=theirs, stdout=theirs, stderr=theirs) as program:
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 1 << 16):
                shown += data
        except OSError:  # Linux' word for the end of a terminal
            pass
        os.close(ours)
        program.wait()
    return shown.decode()


def test_a_terminal_shows_one_line_that_is_rewritten() -> None:
    """All of it on one line; what is remarked stays above, and the end with its duration in its place."""
    shown = on_a_terminal(sys.executable, "-c", WORK.replace("sys.exit(int(sys.argv[1]))", ""))
    first, last, rest = shown.split("\r\n")
    assert first.endswith("\r\x1b[Krun.py: by the way")
    assert "\r\x1b[Krun.py: doing it ... 1 of 2" in first
    assert "\r\x1b[Krun.py: doing it ... 2 of 2\r\x1b[Krun.py: doing it: done (" in last
    assert rest == ""


def test_a_failure_leaves_no_half_line() -> None:
    """Whoever says what went wrong begins on an empty line."""
    assert on_a_terminal(sys.executable, "-c", WORK, "3").endswith("\r\x1b[K")


def test_a_pipe_gets_the_start_and_the_end() -> None:
    """No step in between: each would be a line of its own."""
    done = run([sys.executable, "-c", WORK.replace("sys.exit(int(sys.argv[1]))", "")], check=True)
    assert done.stdout == ""
    start, remark, end = done.stderr.splitlines()
    assert (start, remark) == ("run.py: doing it ...", "run.py: by the way")
    assert end.startswith("run.py: doing it: done (")


def test_a_long_line_is_cut(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A line that wraps could not be rewritten; how far it is stays to be seen as long as it can."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(progress, "_count_columns", lambda: 40)
    work = progress.Progress("doing something with many words")
    work.show("3 of 7")
    work.show("x" * 100)
    first, second = capsys.readouterr().err.split("\r\x1b[K")[1:]
    assert first == "run.py: doing something with ... 3 of 7"
    assert second == "run.py: doing some ... " + "x" * 16


class Shown(progress.Progress):
    """Keeps what would be shown."""

    def __init__(self) -> None:
        super().__init__("x")
        self.details: list[str] = []
        self.remarks: list[str] = []

    def show(self, detail: str) -> None:
        self.details.append(detail)

    def remark(self, text: str) -> None:
        self.remarks.append(text)


def test_pips_lines_become_how_far_it_is(tmp_path: Path) -> None:
    """Packages are counted, those that are not for this machine too; one word about the first retry, and no more."""
    shown = Shown()
    (tmp_path / "lock.txt").write_text("colorama==1 \\\n    --hash=x\namqp==5.4.2 \\\n    --hash=y\nxllamacpp==1\n")
    pip.install([sys.executable, "-c", PIP], [tmp_path / "lock.txt"], shown, os.environ, 1)
    assert list(dict.fromkeys(shown.details))[-6:] == [
        "2 of 3: ",
        "2 of 3: amqp (51 kB)",
        "3 of 3: amqp (51 kB)",
        "3 of 3: xllamacpp (3 kB)",
        "3 of 3: xllamacpp (34.1 MB)",
        "3 of 3: writing them to disk",
    ]
    assert shown.remarks == ["the package index does not answer; pip tries again ..."]


def test_a_large_file_shows_how_much_has_arrived(tmp_path: Path) -> None:
    """Taken from pip's temporary file of that name: pip itself tells a terminal alone."""
    shown = Shown()
    program = PIP + (
        "\nprint(flush=True); import os, pathlib; here = pathlib.Path(os.environ['TMPDIR'])"
        "\n(here / 'larger.whl').write_bytes(b'x' * 20_000_000)"
        "\narrived = here / 'xllamacpp-1-cp310-abi3-any.whl'"
        "\nprint('  Downloading xllamacpp-1-cp310-abi3-any.whl (34.1 MB)'); arrived.write_bytes(b'x' * 12_000_000)"
        "\nprint('and so on', flush=True)"
    )
    pip.download([sys.executable, "-c", program], [], tmp_path, shown)
    assert shown.details[-1] == "12 MB of xllamacpp (34.1 MB)"
