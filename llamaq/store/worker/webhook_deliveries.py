"""Webhook deliveries: a worker that can sign takes one that is due, and it is kept until its outcome is recorded."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic_core import from_json

from llamaq.store.keys import Keys
from llamaq.store.redis_client import Client
from llamaq.store.script_drivers import run
from llamaq.store.script_runs import Call
from llamaq.store.worker.worker_scripts import WebhookSettle, WebhookTake
from llamaq.vocabulary.notify import EndedJob, Notice

PAUSES = (5, 30, 120, 600, 3_600, 21_600, 86_400)
"""Seconds after each failed try. After the last one the message is set aside."""
TAKEN_SECONDS = 120
"""After so long another worker may take the delivery. It is longer than any try."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to deliver a webhook.

    Attributes:
        job_id: of the job that has ended.
        number: of this try, from 1.
        url: of the receiver.
        message: the id of the message, the same in each try.
        body: of the request.
        receiver: host and port of its URL.
    """

    job_id: str
    number: int
    url: str
    message: str
    body: str
    receiver: str


class Deliveries:
    """The deliveries of one fleet."""

    def __init__(self, client: Client, keys: Keys, sends: str = "") -> None:
        """`sends` says which webhooks this worker sends, as `senders.lua` has it: the first `take` states it.

        Its host's report states it too, but not before Ollama has answered.
        """
        self._client = client
        self._keys = keys
        self._unstated = sends

    def take(self, busy: Iterable[str] = ()) -> Delivery | None:
        """Take a delivery that is due, for `TAKEN_SECONDS`; None when none is. The `busy` receivers get none.

        Raises:
            ValueError, KeyError, TypeError: it cannot be read, and was set aside.
        """
        arguments = WebhookTake(seconds=TAKEN_SECONDS, busy=" ".join(busy), webhooks=self._unstated)
        call = Call(self._keys.prefix, arguments)
        answer = run(self._client, call)
        self._unstated = ""
        while answer.word == "NONE":
            if not answer.integer("more"):
                return None
            answer = run(self._client, call)
        job_id, number, fields = answer.text("id"), answer.integer("tries"), answer.row("delivery").as_texts()
        name = hashlib.sha256(self._keys.record(job_id).encode()).hexdigest()[:32]
        try:
            body, receiver = _build_body(job_id, fields), answer.text("receiver")
            return Delivery(job_id, number, fields["url"], f"msg_{name}", body, receiver)
        except (ValueError, KeyError, TypeError) as error:
            unreadable = Delivery(job_id, number, "", "", "", "")
            self._settle(unreadable, "dead", reason=f"webhook: it cannot be read ({type(error).__name__})")
            raise

    def record_success(self, delivery: Delivery) -> None:
        """Record that the receiver has accepted it."""
        self._settle(delivery, "done")

    def record_failure(self, delivery: Delivery, reason: str, random: float, *, final: bool = False) -> bool:
        """Record that a try failed. Returns whether there will be another one: not if `final`, or after the last pause.

        `random` in [0, 1) spreads the next tries of deliveries that failed together.
        """
        if final or delivery.number > len(PAUSES):
            self._settle(delivery, "dead", reason=f"webhook, try {delivery.number}: {reason}")
            return False
        self._settle(delivery, "later", PAUSES[delivery.number - 1] * (1 + random / 5))
        return True

    def _settle(self, delivery: Delivery, outcome: str, seconds: float = 0, reason: str = "") -> None:
        arguments = WebhookSettle(
            id=delivery.job_id,
            tries=delivery.number,
            outcome=outcome,
            seconds=seconds,
            reason=reason,
            body=delivery.body if outcome == "dead" else "",
        )
        run(self._client, Call(self._keys.prefix, arguments))


def _build_body(job_id: str, fields: dict[str, str]) -> str:
    ending = from_json(f"{{{fields['fields']}}}")
    whole = ending if fields["whole"] == "1" else {}
    code = ending["error"]["code"] if fields["state"] == "failed" else None
    names = {name: fields[name] for name in ("state", "kind", "model")}
    job = {"id": job_id, **names, "metadata": from_json(fields["metadata"]), "code": code, **whole}
    if fields.get("omitted"):
        job["omitted"] = True
    at = datetime.fromtimestamp(float(fields["at"]), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    notice = Notice.model_validate(
        {"type": f"job.{fields['state']}", "timestamp": at, "data": EndedJob.model_validate(job)}
    )
    return notice.model_dump_json(exclude_none=True)
