"""llamaq: a dependable job queue in front of Ollama. This is what other backends install and import.

from llamaq import JobQueue

queue = JobQueue("redis://127.0.0.1:6379/0")
job = queue.generate("llama3.2", "Explain entanglement")
for text in job.text():
    print(text, end="")
"""

from llamaq.aio import AsyncJobQueue
from llamaq.aio_conversation import AsyncConversation
from llamaq.aio_job import AsyncJob
from llamaq.conversation import Conversation
from llamaq.dead import DeadLetter
from llamaq.errors import (
    BrokerUnavailable,
    ConversationBusy,
    ConversationError,
    ConversationExists,
    ConversationNotFound,
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
from llamaq.many import BatchResult
from llamaq.models import HostStatus, ModelStatus
from llamaq.notify import Notify
from llamaq.options import Options
from llamaq.queue import JobQueue
from llamaq.requests import (
    ChatRequest,
    EmbeddingRequest,
    ExtractionRequest,
    GenerateRequest,
    Message,
    MultimodalRequest,
    PullRequest,
    UnloadRequest,
)
from llamaq.results import (
    ChatResult,
    EmbeddingResult,
    ErrorInfo,
    ExtractionResult,
    PullResult,
    TextResult,
    UnloadResult,
)
from llamaq.status import JobStatus
from llamaq.turns import ConversationInfo, ConversationSettings, KeptMessage

__all__ = [
    "AsyncConversation",
    "AsyncJob",
    "AsyncJobQueue",
    "BatchResult",
    "BrokerUnavailable",
    "ChatRequest",
    "ChatResult",
    "Conversation",
    "ConversationBusy",
    "ConversationError",
    "ConversationExists",
    "ConversationInfo",
    "ConversationNotFound",
    "ConversationSettings",
    "CursorExpired",
    "DeadLetter",
    "EmbeddingRequest",
    "EmbeddingResult",
    "ErrorInfo",
    "Event",
    "ExtractionRequest",
    "ExtractionResult",
    "GenerateRequest",
    "HostStatus",
    "InvalidRequest",
    "Job",
    "JobCancelled",
    "JobError",
    "JobExpired",
    "JobFailed",
    "JobNotFound",
    "JobQueue",
    "JobStatus",
    "KeptMessage",
    "Limits",
    "LlamaqError",
    "Message",
    "ModelStatus",
    "MultimodalRequest",
    "Notify",
    "Options",
    "PullRequest",
    "PullResult",
    "QueueFull",
    "StreamError",
    "StreamRestarted",
    "SubmitError",
    "TextResult",
    "UnknownModel",
    "UnloadRequest",
    "UnloadResult",
]
