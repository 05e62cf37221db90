"""Secrets that sign webhooks: what is taken, and that what is signed is what receivers check."""

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from worker.duties import webhook_signature
from worker.settings import webhook_secret

OLD, NEW = (f"whsec_{base64.b64encode(bytes([byte]) * 32).decode()}" for byte in (1, 2))


def test_a_receiver_with_either_secret_takes_the_message() -> None:
    """While a secret is being replaced, both sign; one who has neither takes nothing."""
    body = '{"type":"job.completed"}'
    headers = webhook_signature.sign(f"{OLD} {NEW}", "msg_1", body, time.time())

    for secret in (OLD, NEW):
        assert Webhook(secret).verify(body, headers) == {"type": "job.completed"}
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(body + " ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(f"whsec_{base64.b64encode(b'3' * 32).decode()}").verify(body, headers)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "  ",
        OLD.removeprefix("whsec_"),
        "whsec_",
        "whsec_!!!",
        f"whsec_{base64.b64encode(b'short').decode()}",
        f"{OLD} x",
    ],
)
def test_a_secret_that_protects_nothing_is_refused(secret: str) -> None:
    """And is not quoted: the message may end in a log."""
    with pytest.raises(ValueError, match=r"whsec_|is empty") as caught:
        webhook_secret.check(secret)

    assert "short" not in str(caught.value)
    assert OLD not in str(caught.value)
