"""Checks the file with the certificates of authorities."""

import ssl


def check(path: str) -> None:
    """Read it as a TLS connection does.

    Raises:
        ValueError: it cannot be read, or holds no certificate.
    """
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{path} holds no certificate in PEM") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
