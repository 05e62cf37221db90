"""The call that ends an attempt."""

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.worker_scripts import Finish


def finish(claimed: ClaimedJob, state: str = "completed", events: int = 0) -> Finish:
    """Its arguments, with a short result."""
    value = '{"text":"x"}'
    return Finish(
        id=claimed.id,
        fence=claimed.fence,
        state=state,
        members=f'"result":{value}',
        field="result",
        value=value,
        conversation_ttl=1000,
        messages="",
        events=events,
    )
