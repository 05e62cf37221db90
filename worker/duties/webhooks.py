"""Calls webhooks when jobs have ended. No job and no slot waits for a receiver.

The duty looks for messages that are due, and starts a thread for each call. Receivers take turns, and each has few
calls at a time, since one that hangs must not hold up the messages of the others. A message whose worker ended during
the call is due again.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from redis.exceptions import RedisError

from llamaq.store.clock import Clock
from llamaq.store.worker.webhook_deliveries import Deliveries, Delivery
from worker.duties import webhook_post, webhook_signature
from worker.duties.duty import Duty

LOOK_SECONDS = 1.0
AT_A_TIME = 64
PER_RECEIVER = 4
"""Calls of one receiver at a time, by this worker; its other messages wait for their end."""
FINISH_SECONDS = 5.0
Post = Callable[..., int]
_log = structlog.get_logger(__name__)


class Webhooks(Duty):
    """The duty that delivers webhooks. It exists only where there is a secret to sign with."""

    name = "webhooks"
    when_redis_fails = "no webhooks this time: Redis does not answer"

    def __init__(self, deliveries: Deliveries, secrets: str, clock: Clock, post: Post) -> None:
        """`post` sends one message."""
        super().__init__()
        self._deliveries = deliveries
        self._secrets = secrets
        self._clock = clock
        self._post = post
        self._free = threading.Semaphore(AT_A_TIME)
        self._calls: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._unexpected: deque[Exception] = deque()

    def run_round(self) -> float:
        """Start the delivery of one message that is due. Raises the unexpected exception of an earlier delivery."""
        if self._unexpected:
            raise self._unexpected.popleft()
        # A free thread first, then a message: a message that waited here could become due a second time.
        if not self._free.acquire(timeout=LOOK_SECONDS):
            return 0
        started = False
        try:
            started = self._start_next()
        finally:
            if not started:
                self._free.release()
        return 0 if started else LOOK_SECONDS

    def finish(self) -> None:
        """Wait a few seconds for the calls under way. Another worker repeats a call that takes longer."""
        for _ in range(AT_A_TIME):
            self._free.acquire(timeout=FINISH_SECONDS / AT_A_TIME)

    def _start_next(self) -> bool:
        try:
            delivery = self._deliveries.take(self._busy_receivers())
        except (ValueError, KeyError, TypeError) as error:  # the record was damaged
            _log.warning("a webhook cannot be read", error=type(error).__name__)
            return False
        if delivery is None:
            return False
        # Not a thread pool: Python would wait for its threads at exit.
        thread = threading.Thread(target=self._deliver, args=(delivery,), name="llamaq-webhook", daemon=True)
        self._count(delivery.receiver, 1)
        try:
            thread.start()
        except RuntimeError:  # the machine has no thread left
            self._count(delivery.receiver, -1)
            raise
        return True

    def _busy_receivers(self) -> list[str]:
        with self._counting:
            return [receiver for receiver, calls in self._calls.items() if calls >= PER_RECEIVER]

    def _count(self, receiver: str, calls: int) -> None:
        with self._counting:
            self._calls[receiver] += calls
            if not self._calls[receiver]:
                del self._calls[receiver]

    def _deliver(self, delivery: Delivery) -> None:
        try:
            self._settle(delivery, self._call(delivery))
        except (RedisError, OSError) as error:
            _log.warning(
                "a webhook will be sent twice: Redis does not answer", job_id=delivery.job_id, error=str(error)
            )
        except Exception as error:  # noqa: BLE001 - the duty's next round raises it; the message is due again later
            self._unexpected.append(error)
        finally:
            self._count(delivery.receiver, -1)
            self._free.release()
            self.wake()  # the next message of this receiver may have waited for this call

    def _call(self, delivery: Delivery) -> webhook_post.WebhookError | None:
        headers = webhook_signature.sign(self._secrets, delivery.message, delivery.body, self._clock.time())
        try:
            self._post(delivery.url, delivery.body.encode(), headers)
        except webhook_post.WebhookError as error:
            return error
        return None

    def _settle(self, delivery: Delivery, error: webhook_post.WebhookError | None) -> None:
        # The URL is not logged: its path or query may hold a secret of the producer and the receiver.
        fields = {"job_id": delivery.job_id, "receiver": urlsplit(delivery.url).hostname, "number": delivery.number}
        if error is None:
            self._deliveries.record_success(delivery)
            _log.info("webhook received", **fields)
            return
        final = isinstance(error, webhook_post.WebhookRefused)
        again = self._deliveries.record_failure(delivery, str(error), self._clock.random(), final=final)
        _log.warning("webhook failed", reason=str(error), again=again, **fields)
