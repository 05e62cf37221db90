"""The doorbell: a Celery message that tells a host's workers of a placed job. No other module of the SDK knows Celery.

A message carries nothing but the job id. It may be lost or doubled without harm: the job store decides who runs what.
"""

import logging
import ssl
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from llamaq.store.keys import Keys
from llamaq.store.rings import Ring

UNSENT = (CeleryError, KombuError, RedisError, OSError, AttributeError)
"""What sending may raise. An AttributeError is kombu's own, where a connection is cut while it opens a channel."""
_log = logging.getLogger(__name__)


class Doorbell:
    """Sends Celery's messages, over a pool of connections of its own."""

    def __init__(self, redis_url: str, keys: Keys, app: Celery | None = None) -> None:
        self._keys = keys
        self._app = app or _producer(redis_url)
        self._own = app is None

    def ring(self, placed: Iterable[Ring]) -> None:
        """Tell the workers. A ring that fails is only logged: the job is stored, and rescue rings again soon."""
        for job in placed:
            try:
                self._app.send_task(
                    f"llamaq.{job.kind}",
                    args=[job.job_id],
                    task_id=job.job_id,
                    queue=self._keys.host_queue(job.host),
                    ignore_result=True,
                )
            except UNSENT as error:
                _log.warning("the doorbell for job %s was not heard (%s); rescue will ring again", job.job_id, error)

    def close(self) -> None:
        """Give the connections back, unless the application is somebody else's."""
        if self._own:
            self._app.close()


def verified(redis_url: str) -> dict[str, Any]:
    """What makes Celery verify the server's certificate, as redis-py does by itself: kombu's default is not to look."""
    parts = urlsplit(redis_url)
    if parts.scheme != "rediss":
        return {}
    # The authority again, out of the URL: Flower, for one, looks here alone.
    authority = {name: values[-1] for name, values in parse_qs(parts.query).items() if name == "ssl_ca_certs"}
    return {"broker_use_ssl": {"ssl_cert_reqs": ssl.CERT_REQUIRED, **authority}}


def _producer(redis_url: str) -> Celery:
    app = Celery("llamaq", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        **verified(redis_url),
        # Unset, a publish can hang for ever on a connection that was cut silently.
        broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 5},
        task_publish_retry_policy={"max_retries": 2, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2},
    )
    return app
