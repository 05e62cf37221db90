"""Secrets that come as files, as container engines and systemd hand them out: `LLAMAQ_<NAME>_FILE`."""

from pathlib import Path
from urllib.parse import quote, urlsplit

MOST_BYTES = 64 * 1024
"""A secret is a line. Whoever names a device or a dump by mistake is told so, not served."""


def read_secret(path: str) -> str:
    """The file's content without the line's end that editors and `echo` leave.

    Raises:
        ValueError: it cannot be read, is empty, or is no single line. The message never quotes the content.
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


def with_password(url: str, password: str) -> str:
    """The URL with a password in it, for its own user name, or for Redis' default user where it names none.

    Raises:
        ValueError: the URL has a password already: which of the two counts would be a guess.
    """
    parts = urlsplit(url)
    if parts.password:
        raise ValueError("the URL has a password already; give one of the two")
    where = parts.netloc.rpartition("@")[2]
    # Quoted whole: a slash or an @ of the password would otherwise end it early.
    return parts._replace(netloc=f"{parts.username or ''}:{quote(password, safe='')}@{where}").geturl()
