"""Checks the secrets that sign webhooks (Standard Webhooks)."""

import base64
import binascii
from importlib.util import find_spec

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64
FORM = f"`{PREFIX}` and base64 of {LEAST_BYTES} to {MOST_BYTES} bytes"


def check(secrets: str) -> str:
    """Check that messages can be signed with the secrets: one, or several while one is replaced.

    Raises:
        ValueError: a secret is malformed, or the package `standardwebhooks` is missing. The message quotes none.
    """
    if not secrets.split():
        raise ValueError("is empty")
    for secret in secrets.split():
        if not LEAST_BYTES <= _count_bytes(secret) <= MOST_BYTES:
            raise ValueError(f"must be {FORM}")
    if find_spec("standardwebhooks") is None:
        raise ValueError("needs the package standardwebhooks: pip install standardwebhooks")
    return secrets


def _count_bytes(secret: str) -> int:
    if not secret.startswith(PREFIX):
        return 0
    try:
        return len(base64.b64decode(secret.removeprefix(PREFIX), validate=True))
    except binascii.Error:
        return 0
