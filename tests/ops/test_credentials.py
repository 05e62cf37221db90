"""A second run of `ops.credentials`: names are added, what ends soon is renewed, passwords and foreign files stay."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops import credentials
from tests.commands import run


def _passwords(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.glob("redis_*")}


def _verified(folder: Path) -> bool:
    command = ["openssl", "verify", "-CAfile", "ca.pem", "server.pem"]
    return run(command, cwd=folder).returncode == 0


def test_a_second_run_adds_names_and_keeps_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Clients trust the new certificate by the authority that they have; it says when each one ends."""
    assert credentials.main(["--folder", str(tmp_path)]) == 0
    authority, passwords = (tmp_path / "ca.pem").read_text(), _passwords(tmp_path)

    assert credentials.main(["--folder", str(tmp_path), "redis.example"]) == 0

    said = capsys.readouterr().out
    assert credentials.names_of(tmp_path / "server.pem") == [*credentials.NAMES, "redis.example"]
    assert ((tmp_path / "ca.pem").read_text(), _passwords(tmp_path)) == (authority, passwords)
    assert _verified(tmp_path)
    ended = datetime.now(UTC) + timedelta(days=credentials.DAYS)
    assert said.count(f"server.pem ends on {ended:%Y-%m-}") == 2
    made = (tmp_path / "server.pem").read_text()
    assert credentials.main(["--folder", str(tmp_path)]) == 0
    assert (tmp_path / "server.pem").read_text() == made


def test_what_ends_soon_is_renewed_with_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new authority has the key of the old one, so that clients with the old file trust the new certificate."""
    monkeypatch.setattr(credentials, "DAYS", 40)
    credentials.make(tmp_path, ["redis.example"])
    old = (tmp_path / "ca.pem").read_text()
    monkeypatch.setattr(credentials, "DAYS", 825)

    credentials.make(tmp_path, ["localhost"])

    assert credentials.names_of(tmp_path / "server.pem") == ["localhost", "redis.example"]
    for name in ("ca.pem", "server.pem"):
        assert credentials.ends(tmp_path / name) > datetime.now(UTC) + timedelta(days=800)
    assert _verified(tmp_path)
    (tmp_path / "ca.pem").write_text(old)
    assert _verified(tmp_path)


def test_certificates_of_your_own_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the key of their authority nothing is signed: it says so, and changes nothing."""
    credentials.make(tmp_path)
    other = tmp_path / "other"
    credentials.make(other)
    (other / "ca.key").replace(tmp_path / "ca.key")
    monkeypatch.setattr(credentials, "RENEW_DAYS", 10_000)
    made = (tmp_path / "server.pem").read_text()

    credentials.make(tmp_path)
    with pytest.raises(credentials.OpensslFailed, match=r"lacks redis\.example"):
        credentials.make(tmp_path, ["redis.example"])

    assert (tmp_path / "server.pem").read_text() == made
