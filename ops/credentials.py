"""Makes the passwords, tokens and certificates of a deployment: `python3 run.py ops credentials`.

It needs only the standard library and openssl. It keeps existing passwords, so a second run adds the missing ones;
delete a file to have it made again. git ignores `ops/secrets/`.

The server's certificate is signed by an authority of its own, and lists names. A second run adds the names that it is
given, and renews what ends within `RENEW_DAYS`. Certificates of your own in place of `server.pem`, `server.key` and
`ca.pem` are kept: nothing is signed without the key of `ca.pem`.
"""

import argparse
import hashlib
import ipaddress
import re
import secrets
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

OPS = Path(__file__).resolve().parent
USERS = ("worker", "producer", "flower", "metrics", "exporter", "admin")
NAMES = ("localhost", "redis", "nginx", "ollama")
LOOPBACK = "127.0.0.1"
"""In each certificate, and in no list of its names."""
MOST_NAME_CHARS = 253
DAYS = 825
"""The validity of the certificates: the maximum that Apple's clients accept."""
RENEW_DAYS = 60
"""A certificate that ends sooner is renewed: a month before the warning of `worker check` and of the alert."""
_READABLE = 0o644
_UNSET = "#" + "0" * 64
_HOST_NAME = re.compile(r"(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


class OpensslFailed(Exception):
    """openssl is not installed, or failed; the message is that of openssl."""


def make_files(folder: Path, names: Sequence[str] = NAMES) -> None:
    """Make the missing files of the folder.

    Raises:
        OpensslFailed: the certificates could not be made.
    """
    # Other users cannot open the folder. The files are readable, because unprivileged users of containers read them.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for user in USERS:
        _write_once(folder / f"redis_{user}", secrets.token_urlsafe(32))
    _write_once(folder / "ollama_token", secrets.token_urlsafe(32))
    _write_once(folder / "flower_password", secrets.token_urlsafe(16))
    _write_once(folder / "grafana_password", secrets.token_urlsafe(16))
    gateway = folder / "gateway"
    gateway.mkdir(exist_ok=True)
    gateway.chmod(0o755)  # it is mounted as it is, for an unprivileged user
    _write_once(folder / "gateway_key", f"llq_{secrets.token_urlsafe(32)}")
    digest = hashlib.sha256((folder / "gateway_key").read_bytes()).hexdigest()
    # The columns are those of docs/http.md.
    _write_once(gateway / "keys", f"first  {digest}  default  interactive  -  -  -  admin\n")
    _write(folder / "users.acl", render_users_acl(folder))
    # A pattern, because nginx ignores case when it compares plain strings of a map.
    _write(folder / "ollama_tokens.conf", f'"~^Bearer {re.escape((folder / "ollama_token").read_text())}$" 1;\n')
    make_certificates(folder, names)


def render_users_acl(folder: Path) -> str:
    """Render `ops/redis/users.acl` with the hash of each user's password in its line."""
    text = (OPS / "redis" / "users.acl").read_text()
    for user in USERS:
        digest = hashlib.sha256((folder / f"redis_{user}").read_bytes()).hexdigest()
        text = re.sub(rf"^(user llamaq-{user} on) {_UNSET} ", rf"\1 #{digest} ", text, flags=re.MULTILINE)
    return text


def make_certificates(folder: Path, names: Sequence[str]) -> None:
    """Make or renew an authority, and a certificate signed by it for these names, those that it has, and `LOOPBACK`.

    Raises:
        OpensslFailed: openssl failed, or a certificate of another authority lacks a name that was asked for.
    """
    server, authority = folder / "server.pem", folder / "ca.pem"
    had = read_names(server) if server.exists() else []
    wanted = [name for name in dict.fromkeys([*names, *had]) if name != LOOPBACK]
    if server.exists() and set(wanted) == set(had) and not _expires_soon(server) and not _expires_soon(authority):
        return
    if server.exists() and not _has_authority_key(folder):
        lacks = ", ".join(name for name in names if name not in {*had, *NAMES})
        if lacks:
            raise OpensslFailed(f"{server} lacks {lacks}, and ca.key does not belong to ca.pem: sign another yourself")
        return
    if not authority.exists() or _expires_soon(authority):
        _make_authority(folder)
    _sign(folder, wanted)


def read_expiry(certificate: Path) -> datetime:
    """Read when a certificate ends, in UTC.

    Raises:
        OpensslFailed: the file is no certificate.
    """
    text = _openssl(["x509", "-in", certificate.name, "-noout", "-enddate"], certificate.parent)
    return datetime.strptime(text.strip().partition("=")[2], "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC)


def parse_name(given: str) -> str:
    """Parse a host name or an IP address, as a certificate lists it.

    Raises:
        ArgumentTypeError: it is neither.
    """
    with suppress(ValueError):
        return str(ipaddress.ip_address(given))
    if len(given) > MOST_NAME_CHARS or not _HOST_NAME.fullmatch(name := given.lower()):
        form = (
            "such as redis.example or 10.0.0.5, without a scheme and a port; other letters as in xn--bcher-kva.example"
        )
        raise argparse.ArgumentTypeError(f"{given!r} is no host name and no IP address, {form}")
    return name


def read_names(certificate: Path) -> list[str]:
    """Read the host names and IP addresses that a certificate is for; raises as `read_expiry`."""
    text = _openssl(["x509", "-in", certificate.name, "-noout", "-ext", "subjectAltName"], certificate.parent)
    found = re.findall(r"(DNS|IP Address):([^,\s]+)", text)
    # An address that is listed as a host name does not count: no client finds it there.
    names = [
        str(ipaddress.ip_address(name)) if kind != "DNS" else name for kind, name in found if _kind_of(name) == kind
    ]
    return [name for name in names if name != LOOPBACK]


def _kind_of(name: str) -> str:
    """How openssl shows the kind of a name."""
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return "IP Address"
    return "DNS"


def _expires_soon(certificate: Path) -> bool:
    return read_expiry(certificate) < datetime.now(UTC) + timedelta(days=RENEW_DAYS)


def _has_authority_key(folder: Path) -> bool:
    """Whether the folder has the key of its authority: not where the operator put certificates of their own there."""
    if not (folder / "ca.key").exists():
        return False
    key = _openssl(["pkey", "-in", "ca.key", "-pubout"], folder)
    return key == _openssl(["x509", "-in", "ca.pem", "-noout", "-pubkey"], folder)


_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _make_authority(folder: Path) -> None:
    uses = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    # Clients that have the old certificate go on: the new one has the same key and name.
    key = ["-key", "ca.key"] if (folder / "ca.key").exists() else [*_EC, "-keyout", "ca.key"]
    _openssl(["req", "-x509", *key, "-out", "ca.pem", "-days", str(DAYS), "-subj", "/CN=llamaq", *uses], folder)
    (folder / "ca.key").chmod(0o600)  # no service reads it: with it, anyone could make certificates
    (folder / "ca.pem").chmod(_READABLE)


def _sign(folder: Path, names: Sequence[str]) -> None:
    # Into new files first: a failure leaves the pair that is there.
    listed = [*names, LOOPBACK]
    _openssl(["req", "-new", *_EC, "-keyout", "new.key", "-out", "new.csr", "-subj", f"/CN={listed[0]}"], folder)
    alternatives = ",".join(f"{_kind_of(name).partition(' ')[0]}:{name}" for name in listed)
    (folder / "new.ext").write_text(f"subjectAltName={alternatives}\nextendedKeyUsage=serverAuth\n")
    signing = ["x509", "-req", "-in", "new.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    _openssl([*signing, "-out", "new.pem", "-days", str(DAYS), "-extfile", "new.ext"], folder)
    for suffix in ("key", "pem"):
        # Written in place: a container sees the new content of a file that is mounted alone.
        _write(folder / f"server.{suffix}", (folder / f"new.{suffix}").read_text())
    for made in ("new.key", "new.pem", "new.csr", "new.ext", "ca.srl"):
        (folder / made).unlink(missing_ok=True)


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        _write(path, text)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(_READABLE)


def _openssl(arguments: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603,S607 - the machine's own openssl, with arguments made here
    except FileNotFoundError:
        raise OpensslFailed("there is no openssl: install it, or put ca.pem, server.pem and server.key there") from None
    if done.returncode:
        raise OpensslFailed(done.stderr.strip())
    return done.stdout


def main(arguments: Sequence[str]) -> int:
    """Make the folder of a deployment and, where there is none, its `.env`; say where they are."""
    parser = argparse.ArgumentParser(prog="python3 run.py ops credentials", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=OPS / "secrets")
    described = "further host names and IP addresses by which clients reach Redis and nginx"
    parser.add_argument("names", nargs="*", type=parse_name, help=described)
    given = parser.parse_args(arguments)
    try:
        make_files(given.folder, [*NAMES, *given.names])
        valid = "".join(
            f"{name} ends on {read_expiry(given.folder / name):%Y-%m-%d}\n" for name in ("ca.pem", "server.pem")
        )
    except OpensslFailed as error:
        sys.stderr.write(f"openssl: {error}\n")
        return 1
    settings = OPS.parent / ".env"
    if not settings.exists():
        settings.write_text((OPS.parent / ".env.example").read_text())
    sys.stdout.write(
        f"{given.folder}: passwords, tokens, users.acl and certificates are there\n{valid}{settings}: the settings\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
