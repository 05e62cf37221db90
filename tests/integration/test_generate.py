"""generate, from a producer to its streamed result, through a real worker."""

from llamaq import JobQueue, TextResult
from llamaq.events import Completed, Delta, Queued, Started
from tests.conftest import MODEL
from tests.scripted.launcher import ScriptedOllama
from tests.worker_process import WorkerProcess


def test_a_job_streams_its_text_and_ends_with_its_result(
    queue: JobQueue, ollama: ScriptedOllama, worker: WorkerProcess
) -> None:
    """A producer sees queued, started, the text as it is generated, and the typed result; joined, the text is the result's."""
    ollama.script(tokens=["The", " sky", " is", " blue."], rate=50)

    events = list(queue.generate(MODEL, "Why?").events())

    assert isinstance(events[0], Queued)
    assert isinstance(events[1], Started)
    assert isinstance(events[-1], Completed)
    assert isinstance(events[-1].result, TextResult)
    assert "".join(event.text or "" for event in events if isinstance(event, Delta)) == "The sky is blue."
    assert events[-1].result.text == "The sky is blue."
