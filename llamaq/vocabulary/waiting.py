"""Why a job waits: a word for programs, and a sentence for people."""

from llamaq.vocabulary.wire import Frozen

SENTENCES = {
    "no_worker": "No worker reports a host that has the model.",
    "no_model": "No known host has the model; the job ends after LLAMAQ_ORPHAN_SECONDS, unless it was to wait for it.",
    "circuit_open": "The hosts that have the model fail, or refuse it; one job at a time tries them again.",
    "loading": "A host loads a model.",
    "busy": "All slots are busy, or other jobs are ahead.",
    "conversation": "An earlier turn of its conversation has not ended.",
    "retry": "The pause before its next attempt is not over.",
    "newer_producer": "A newer producer made it, and no worker can read it: update the workers.",
}
"""By the words that `status.lua` answers."""


class Why(Frozen):
    """Why a job waits."""

    word: str
    sentence: str

    @classmethod
    def of(cls, word: str) -> "Why":
        """The reason that a word names; newer scripts may answer one that this client does not know."""
        return cls(word=word, sentence=SENTENCES.get(word, word))
