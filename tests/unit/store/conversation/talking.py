"""A conversation at the store: turns that are sent, and turns that are answered."""

from typing import Any

from embedded.scripted.fleet import MODEL, Fleet
from llamaq import Conversation, Job
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Completed

NAME = "c"


def submit_turn(fleet: Fleet, said: str, **fields: Any) -> Job[Any]:
    """Say something."""
    return fleet.queue.chat(MODEL, conversation=NAME, message=said, wait_for_model=True, **fields)


def answer(store: JobStore, claimed: ClaimedJob, said: str) -> None:
    """Complete a turn as the worker does."""
    message = {"role": "assistant", "content": f"re: {said}", "job": claimed.id}
    kept = ({"role": "user", "content": said, "job": claimed.id}, message)
    store.complete(claimed, Completed({"message": message, "model": MODEL, "host": "alpha", "attempts": 1}, kept))


def hold_conversation(fleet: Fleet, *texts: str) -> JobStore:
    """Hold a conversation in which each text is answered."""
    store = fleet.add_host()
    for text in texts:
        answer(store, fleet.claim(store, submit_turn(fleet, text)), text)
    return store


def list_contents(conversation: Conversation) -> list[str]:
    """List what was said, without who said it."""
    return [message.content for message in conversation.history()]
