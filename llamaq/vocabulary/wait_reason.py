"""Why a job waits: a word for programs, and a sentence for people."""

from datetime import datetime

from llamaq.vocabulary.wire import Frozen

SENTENCES = {
    "no_worker": "No worker reports a host that has the model: is one running?",
    "no_model": "No known host has the model; the job ends after LLAMAQ_ORPHAN_SECONDS, unless it was to wait for it.",
    "circuit_open": "The hosts that have the model fail, or refuse it; one job at a time tries them again.",
    "loading": "A host loads a model.",
    "busy": "All slots are busy, or other jobs are ahead.",
    "not_before": "It is not to start before {start}.",
    "host_paused": "The hosts that have the model are paused by an operator.",
    "model_paused": "The model is paused by an operator.",
    "conversation": "An earlier turn of its conversation has not ended.",
    "retry": "The pause before its next attempt is not over.",
    "newer_producer": "A newer producer made it, and no worker can read it: update the workers.",
}
"""The sentences, by the words that `job/view.lua` answers."""


class Why(Frozen):
    """Why a job waits.

    Attributes:
        word: `no_worker`, `no_model`, `circuit_open`, `loading`, `busy`, `not_before`, `host_paused`, `model_paused`,
            `conversation`, `retry` or `newer_producer`; later versions may have further ones.
        sentence: the same for people.
    """

    word: str
    sentence: str

    @classmethod
    def of(cls, word: str, start: datetime | None = None) -> "Why":
        """The reason that a word names; newer scripts may answer one that this client does not know.

        `start` is the time before which the job does not start. The sentence has it in this machine's zone.
        """
        when = f"{start.astimezone():%Y-%m-%d %H:%M:%S}" if start else "its time"
        return cls(word=word, sentence=SENTENCES.get(word, word).format(start=when))
