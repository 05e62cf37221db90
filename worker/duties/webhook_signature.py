"""The headers of a webhook, signed as Standard Webhooks defines."""

from datetime import UTC, datetime


def sign(secrets: str, message: str, body: str, now: float) -> dict[str, str]:
    """Sign a message; returns its headers. `now` is in Unix seconds."""
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
