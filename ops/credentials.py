"""Makes the passwords, tokens and certificates of a deployment: `python3 -m ops.credentials`.

It needs only the standard library and openssl. It keeps existing files, so a second run adds the missing ones; delete a
file to have it made again. git ignores `ops/secrets/`. The certificates are signed by a new authority: replace
`server.pem`, `server.key` and `ca.pem` by your own if you have some.
"""

import argparse
import hashlib
import re
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

OPS = Path(__file__).resolve().parent
USERS = ("worker", "producer", "flower", "metrics", "exporter")
NAMES = ("localhost", "redis", "nginx", "ollama")
DAYS = 825
"""The validity of the certificates: the maximum that Apple's clients accept."""
_READABLE = 0o644
_UNSET = "#" + "0" * 64


class OpensslFailed(Exception):
    """openssl is not installed, or failed; the message is that of openssl."""


def make(folder: Path, names: Sequence[str] = NAMES) -> None:
    """Make the missing files of the folder.

    Raises:
        OpensslFailed: the certificates could not be made.
    """
    # Other users cannot open the folder. The files are readable, because unprivileged users of containers read them.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for user in USERS:
        _once(folder / f"redis_{user}", secrets.token_urlsafe(32))
    _once(folder / "ollama_token", secrets.token_urlsafe(32))
    _once(folder / "flower_password", secrets.token_urlsafe(16))
    _once(folder / "grafana_password", secrets.token_urlsafe(16))
    gateway = folder / "gateway"
    gateway.mkdir(exist_ok=True)
    _once(folder / "gateway_key", f"llq_{secrets.token_urlsafe(32)}")
    digest = hashlib.sha256((folder / "gateway_key").read_bytes()).hexdigest()
    # The columns are those of docs/http.md.
    _once(gateway / "keys", f"first  {digest}  default  interactive  -  -  -  admin\n")
    _write(folder / "users.acl", users_acl(folder))
    # A pattern, because nginx ignores case when it compares plain strings of a map.
    _write(folder / "ollama_tokens.conf", f'"~^Bearer {re.escape((folder / "ollama_token").read_text())}$" 1;\n')
    certificates(folder, names)


def users_acl(folder: Path) -> str:
    """`ops/redis/users.acl` with the hash of each user's password in its line."""
    text = (OPS / "redis" / "users.acl").read_text()
    for user in USERS:
        digest = hashlib.sha256((folder / f"redis_{user}").read_bytes()).hexdigest()
        text = re.sub(rf"^(user llamaq-{user} on) {_UNSET} ", rf"\1 #{digest} ", text, flags=re.MULTILINE)
    return text


def certificates(folder: Path, names: Sequence[str]) -> None:
    """Make an authority, and a certificate signed by it for these names and 127.0.0.1."""
    if (folder / "server.pem").exists():
        return
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    authority = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    itself = ["req", "-x509", *ec, "-keyout", "ca.key", "-out", "ca.pem", "-days", str(DAYS), "-subj", "/CN=llamaq"]
    _openssl([*itself, *authority], folder)
    _openssl(["req", "-new", *ec, "-keyout", "server.key", "-out", "server.csr", "-subj", f"/CN={names[0]}"], folder)
    alternatives = ",".join([*(f"DNS:{name}" for name in names), "IP:127.0.0.1"])
    (folder / "server.ext").write_text(f"subjectAltName={alternatives}\nextendedKeyUsage=serverAuth\n")
    signing = ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    _openssl([*signing, "-out", "server.pem", "-days", str(DAYS), "-extfile", "server.ext"], folder)
    (folder / "ca.key").chmod(0o600)  # no service reads it: with it, anyone could make certificates
    for read in ("ca.pem", "server.pem", "server.key"):
        (folder / read).chmod(_READABLE)
    for made in ("server.csr", "server.ext", "ca.srl"):
        (folder / made).unlink(missing_ok=True)


def _once(path: Path, text: str) -> None:
    if not path.exists():
        _write(path, text)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(_READABLE)


def _openssl(arguments: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603,S607 - the machine's own openssl, with arguments made here
    except FileNotFoundError:
        raise OpensslFailed("there is no openssl: install it, or put ca.pem, server.pem and server.key there") from None
    if done.returncode:
        raise OpensslFailed(done.stderr.strip())


def main(arguments: Sequence[str]) -> int:
    """Make the folder of a deployment and, where there is none, its `.env`; say where they are."""
    parser = argparse.ArgumentParser(prog="python3 -m ops.credentials", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=OPS / "secrets")
    parser.add_argument("names", nargs="*", help="further host names by which clients reach Redis and nginx")
    given = parser.parse_args(arguments)
    try:
        make(given.folder, [*NAMES, *given.names])
    except OpensslFailed as error:
        sys.stderr.write(f"openssl: {error}\n")
        return 1
    settings = OPS.parent / ".env"
    if not settings.exists():
        settings.write_text((OPS.parent / ".env.example").read_text())
    sys.stdout.write(
        f"{given.folder}: passwords, tokens, users.acl and certificates are there\n{settings}: the settings\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
