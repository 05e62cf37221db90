"""Which function runs which kind."""

from collections.abc import Callable

from tasks.chat import chat
from tasks.embedding import embedding
from tasks.extraction import extraction
from tasks.generate import generate
from tasks.job import ClaimedJob
from tasks.multimodal import multimodal
from tasks.outcome import Outcome
from tasks.pulling import pull
from tasks.services import Services
from tasks.unloading import unload

KINDS: dict[str, Callable[[ClaimedJob, Services], Outcome]] = {
    "generate": generate,
    "chat": chat,
    "multimodal": multimodal,
    "extraction": extraction,
    "embedding": embedding,
    "pull": pull,
    "unload": unload,
}
