"""Which function runs which kind."""

from collections.abc import Callable

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from tasks.attempt.services import Services
from tasks.chat import chat
from tasks.embedding import embedding
from tasks.extraction import extraction
from tasks.generate import generate
from tasks.multimodal import multimodal
from tasks.pull import pull
from tasks.unload import unload

KINDS: dict[str, Callable[[ClaimedJob, Services], Outcome]] = {
    "generate": generate,
    "chat": chat,
    "multimodal": multimodal,
    "extraction": extraction,
    "embedding": embedding,
    "pull": pull,
    "unload": unload,
}
