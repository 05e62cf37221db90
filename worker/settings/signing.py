"""Signatures of webhooks (Standard Webhooks), and the check of their secrets."""

import base64
import binascii
from datetime import UTC, datetime
from importlib.util import find_spec

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64


def checked(secrets: str) -> str:
    """The secrets, if messages can be signed with them: one, or several while one is replaced.

    Raises:
        ValueError: a secret is malformed, or the package `standardwebhooks` is missing. The message quotes none.
    """
    if not secrets.split():
        raise ValueError("is empty")
    for secret in secrets.split():
        if not LEAST_BYTES <= _length(secret) <= MOST_BYTES:
            raise ValueError(f"must be {PREFIX} and base64 of {LEAST_BYTES} to {MOST_BYTES} bytes")
    if find_spec("standardwebhooks") is None:
        raise ValueError("needs the package standardwebhooks: pip install standardwebhooks")
    return secrets


def headers(secrets: str, message: str, body: str, now: float) -> dict[str, str]:
    """The headers of a signed message; `now` is in Unix seconds."""
    from standardwebhooks import Webhook  # noqa: PLC0415 - an extra, which a worker without a secret does not need

    at = datetime.fromtimestamp(int(now), UTC)
    signatures = [Webhook(secret).sign(message, at, body) for secret in secrets.split()]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": " ".join(signatures),
        "content-type": "application/json",
        "user-agent": "llamaq",
    }


def _length(secret: str) -> int:
    if not secret.startswith(PREFIX):
        return 0
    try:
        return len(base64.b64decode(secret.removeprefix(PREFIX), validate=True))
    except binascii.Error:
        return 0
