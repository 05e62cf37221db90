"""Tells receivers of the ends of jobs, beside everything else: no job and no slot waits for one.

A thread looks for what is due and starts another for each call, a few at a time, since a receiver may be slow. What was
taken and not settled, because this worker ended, is due again.
"""

import threading
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import structlog
from redis.exceptions import RedisError

from llamaq.store.clock import Clock
from llamaq.store.worker.deliveries import Deliveries, Delivery
from worker.duties import webhook_post
from worker.duties.duty import JOIN_SECONDS, Duty
from worker.settings import signing
from worker.telemetry.throttled_warning import ThrottledWarning

LOOK_SECONDS = 1.0
AT_A_TIME = 4
Post = Callable[..., int]
_log = structlog.get_logger(__name__)


class Webhooks(Duty):
    """The threads that deliver; none, where there is no secret to sign with."""

    def __init__(self, deliveries: Deliveries, secrets: str, clock: Clock, post: Post) -> None:
        self._deliveries = deliveries
        self._secrets = secrets
        self._clock = clock
        self._complaint = ThrottledWarning("no webhooks this time: Redis does not answer", clock)
        self._post = post
        self._free = threading.Semaphore(AT_A_TIME)
        super().__init__("webhooks")

    def start(self) -> None:
        """Begin, where there is a secret to sign with."""
        if self._secrets:
            super().start()

    def join(self) -> None:
        """Wait for the calls that are under way, but not for a receiver that is slow: another worker calls it again."""
        if self._secrets:
            super().join()
            for _ in range(AT_A_TIME):
                self._free.acquire(timeout=JOIN_SECONDS / AT_A_TIME)

    def _run(self) -> None:
        while not self._stopping.is_set():
            # First a free thread, then a delivery: one that waited here could fall due a second time.
            if not self._free.acquire(timeout=LOOK_SECONDS):
                continue
            delivery = self._next()
            if delivery is None:
                self._free.release()
                self._stopping.wait(LOOK_SECONDS)
            else:
                # No pool: Python would wait for its threads before it ends.
                threading.Thread(target=self._tell, args=(delivery,), name="llamaq-webhook", daemon=True).start()

    def _next(self) -> Delivery | None:
        try:
            delivery = self._deliveries.take()
        except (RedisError, OSError) as error:
            self._complaint.make(error)
        except (ValueError, KeyError, TypeError) as error:  # something else has damaged it
            _log.warning("a webhook cannot be read", error=type(error).__name__)
        else:
            self._complaint.settle()
            return delivery
        return None

    def _tell(self, delivery: Delivery) -> None:
        try:
            self._settle(delivery, self._call(delivery))
        except (RedisError, OSError) as error:
            _log.warning(
                "a webhook will be told twice: Redis does not answer", job_id=delivery.job_id, error=str(error)
            )
        finally:
            self._free.release()

    def _call(self, delivery: Delivery) -> webhook_post.WebhookError | None:
        headers = signing.headers(self._secrets, delivery.message, delivery.body, self._clock.time())
        try:
            self._post(delivery.url, delivery.body.encode(), headers)
        except webhook_post.WebhookError as error:
            return error
        return None

    def _settle(self, delivery: Delivery, error: webhook_post.WebhookError | None) -> None:
        # Not the URL: its path or query may well be a secret between the producer and the receiver.
        about = {"job_id": delivery.job_id, "receiver": urlsplit(delivery.url).hostname, "number": delivery.number}
        if error is None:
            self._deliveries.done(delivery)
            _log.info("webhook received", **about)
            return
        final = isinstance(error, webhook_post.WebhookRefused)
        again = self._deliveries.failed(delivery, str(error), self._clock.random(), final=final)
        _log.warning("webhook failed", reason=str(error), again=again, **about)


def poster(*, private: bool) -> Post:
    """What sends a message, to addresses of one's own network only where that is allowed."""
    return partial(webhook_post.post, private=private)
