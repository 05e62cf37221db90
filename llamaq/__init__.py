"""llamaq: a dependable job queue in front of Ollama. This is what other backends install and import.

from llamaq import JobQueue

queue = JobQueue("redis://127.0.0.1:6379/0")
job = queue.generate("llama3.2", "Explain entanglement")
for text in job.text():
    print(text, end="")
"""

from llamaq.aio import AsyncJobQueue
from llamaq.aio_job import AsyncJob
from llamaq.dead import DeadLetter
from llamaq.errors import (
    BrokerUnavailable,
    CursorExpired,
    InvalidRequest,
    JobCancelled,
    JobError,
    JobExpired,
    JobFailed,
    JobNotFound,
    LlamaqError,
    QueueFull,
    StreamError,
    StreamRestarted,
    SubmitError,
    UnknownModel,
)
from llamaq.events import Event
from llamaq.job import Job
from llamaq.limits import Limits
from llamaq.models import ModelStatus
from llamaq.options import Options
from llamaq.queue import JobQueue
from llamaq.requests import (
    ChatRequest,
    EmbeddingRequest,
    ExtractionRequest,
    GenerateRequest,
    Message,
    MultimodalRequest,
)
from llamaq.results import ChatResult, EmbeddingResult, ErrorInfo, ExtractionResult, TextResult
from llamaq.status import JobStatus

__all__ = [
    "AsyncJob",
    "AsyncJobQueue",
    "BrokerUnavailable",
    "ChatRequest",
    "ChatResult",
    "CursorExpired",
    "DeadLetter",
    "EmbeddingRequest",
    "EmbeddingResult",
    "ErrorInfo",
    "Event",
    "ExtractionRequest",
    "ExtractionResult",
    "GenerateRequest",
    "InvalidRequest",
    "Job",
    "JobCancelled",
    "JobError",
    "JobExpired",
    "JobFailed",
    "JobNotFound",
    "JobQueue",
    "JobStatus",
    "Limits",
    "LlamaqError",
    "Message",
    "ModelStatus",
    "MultimodalRequest",
    "Options",
    "QueueFull",
    "StreamError",
    "StreamRestarted",
    "SubmitError",
    "TextResult",
    "UnknownModel",
]
