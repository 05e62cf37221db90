"""Reads secrets from files, as container engines and systemd provide them (`LLAMAQ_<NAME>_FILE`)."""

from pathlib import Path

from llamaq.store.connections.address import parse_url

MOST_BYTES = 64 * 1024
"""The limit stops the reading of a device or a dump that was named by mistake; a secret is one line."""


def read_secret(path: str) -> str:
    """The file's content, without the line break that editors and `echo` add.

    Raises:
        ValueError: it cannot be read, is empty, or is not a single line. The message does not quote the content.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(MOST_BYTES + 1).decode().strip("\r\n")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} holds no text") from None
    if not text:
        raise ValueError(f"{path} is empty")
    if len(text) > MOST_BYTES or not text.isprintable():
        raise ValueError(f"{path} holds more than one line of text")
    return text


def add_password(url: str, password: str) -> str:
    """Add the password to the URL, for the user that it names, else for Redis' default user.

    Raises:
        ValueError: the URL has a password already.
    """
    found = parse_url(url)
    if found.password:
        raise ValueError("the URL has a password already; give one of the two")
    return found._replace(password=password).url()
