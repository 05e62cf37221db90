"""A second run of `ops.credentials`: names are added, what ends soon is renewed, passwords and foreign files stay."""

import os
import ssl
from contextlib import suppress
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


def test_containers_may_read_what_is_made_whatever_the_umask(tmp_path: Path) -> None:
    """The folder of the gateway's keys is mounted as it is; the folder around it keeps other users out."""
    before = os.umask(0o077)
    try:
        credentials.make_files(tmp_path / "secrets")
    finally:
        os.umask(before)
    folder = tmp_path / "secrets"
    unreadable = [path.name for path in folder.rglob("*") if not path.stat().st_mode & 0o004 and path.name != "ca.key"]

    assert unreadable == []
    assert (folder / "gateway").stat().st_mode & 0o777 == 0o755
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_second_run_adds_names_and_keeps_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Clients trust the new certificate by the authority that they have; it says when each one ends."""
    assert credentials.main(["--folder", str(tmp_path)]) == 0
    authority, passwords = (tmp_path / "ca.pem").read_text(), _passwords(tmp_path)

    assert credentials.main(["--folder", str(tmp_path), "redis.example"]) == 0

    said = capsys.readouterr().out
    assert credentials.read_names(tmp_path / "server.pem") == [*credentials.NAMES, "redis.example"]
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
    credentials.make_files(tmp_path, ["redis.example"])
    old = (tmp_path / "ca.pem").read_text()
    monkeypatch.setattr(credentials, "DAYS", 825)

    credentials.make_files(tmp_path, ["localhost"])

    assert credentials.read_names(tmp_path / "server.pem") == ["localhost", "redis.example"]
    for name in ("ca.pem", "server.pem"):
        assert credentials.read_expiry(tmp_path / name) > datetime.now(UTC) + timedelta(days=800)
    assert _verified(tmp_path)
    (tmp_path / "ca.pem").write_text(old)
    assert _verified(tmp_path)


def _accepts(folder: Path, name: str) -> bool:
    """Whether a client that connects by this name trusts the server."""
    client, server = ssl.create_default_context(cafile=str(folder / "ca.pem")), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem", folder / "server.key")
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server, server_hostname=name)]
    ends.append(server.wrap_bio(to_server, to_client, server_side=True))
    for turn in range(6):
        with suppress(ssl.SSLWantReadError):
            try:
                ends[turn % 2].do_handshake()
            except ssl.SSLCertVerificationError:
                return False
    return True


@pytest.mark.parametrize("address", ["10.1.2.3", "fd00::5"])
def test_a_client_may_connect_by_an_address(tmp_path: Path, address: str) -> None:
    """A second run keeps it."""
    credentials.make_files(tmp_path)
    assert not _accepts(tmp_path, address)

    for names in ([address], []):
        assert credentials.main(["--folder", str(tmp_path), *names, "Redis.example"]) == 0
        assert _accepts(tmp_path, address)
    assert credentials.read_names(tmp_path / "server.pem") == [*credentials.NAMES, address, "redis.example"]
    assert all(_accepts(tmp_path, name) for name in ("localhost", "127.0.0.1", "redis.example"))


def test_an_address_among_the_host_names_is_corrected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the certificates of older versions have it."""
    kind = credentials._kind_of
    with monkeypatch.context() as older:
        older.setattr(credentials, "_kind_of", lambda name: "DNS" if name == "10.1.2.3" else kind(name))
        credentials.make_files(tmp_path, ["localhost", "10.1.2.3"])
    assert not _accepts(tmp_path, "10.1.2.3")

    credentials.make_files(tmp_path, ["localhost", "10.1.2.3"])

    assert _accepts(tmp_path, "10.1.2.3")


@pytest.mark.parametrize(
    "name", ["", "a b", "a,IP:10.0.0.1", "a\nb", "https://redis.example", "redis:6379", "bücher.de"]
)
def test_what_is_no_name_is_refused(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is made, with the form that a name has."""
    with pytest.raises(SystemExit):
        credentials.main(["--folder", str(tmp_path / "secrets"), name])

    assert "is no host name and no IP address" in capsys.readouterr().err
    assert not (tmp_path / "secrets").exists()


def test_certificates_of_your_own_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the key of their authority nothing is signed: it says so, and changes nothing."""
    credentials.make_files(tmp_path)
    other = tmp_path / "other"
    credentials.make_files(other)
    (other / "ca.key").replace(tmp_path / "ca.key")
    monkeypatch.setattr(credentials, "RENEW_DAYS", 10_000)
    made = (tmp_path / "server.pem").read_text()

    credentials.make_files(tmp_path)
    with pytest.raises(credentials.OpensslFailed, match=r"lacks redis\.example"):
        credentials.make_files(tmp_path, ["redis.example"])

    assert (tmp_path / "server.pem").read_text() == made
