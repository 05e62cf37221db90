"""llamaq: a dependable job queue in front of Ollama. This is what other backends install and import.

from llamaq import JobQueue

queue = JobQueue("redis://127.0.0.1:6379/0")
job = queue.generate("llama3.2", "Explain entanglement")
for text in job.text():
    print(text, end="")
"""

from llamaq.client.aio.conversation import AsyncConversation
from llamaq.client.aio.job import AsyncJob
from llamaq.client.aio.queue import AsyncJobQueue
from llamaq.client.batches import BatchResult
from llamaq.client.blocking.conversation import Conversation
from llamaq.client.blocking.job import Job
from llamaq.client.blocking.queue import JobQueue
from llamaq.client.dead_letters import DeadLetter
from llamaq.settings.producer import Limits
from llamaq.vocabulary.conversations import ConversationInfo, ConversationSettings, KeptMessage
from llamaq.vocabulary.errors import (
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
    VersionMismatch,
)
from llamaq.vocabulary.events import Event
from llamaq.vocabulary.kinds.chat import ChatRequest, ChatResult
from llamaq.vocabulary.kinds.embedding import EmbeddingRequest, EmbeddingResult
from llamaq.vocabulary.kinds.extraction import ExtractionRequest, ExtractionResult
from llamaq.vocabulary.kinds.generate import GenerateRequest, TextResult
from llamaq.vocabulary.kinds.multimodal import MultimodalRequest
from llamaq.vocabulary.kinds.pull import PullRequest, PullResult
from llamaq.vocabulary.kinds.request import Message
from llamaq.vocabulary.kinds.unload import UnloadRequest, UnloadResult
from llamaq.vocabulary.models import HostStatus, ModelStatus
from llamaq.vocabulary.notify import Notify
from llamaq.vocabulary.options import Options
from llamaq.vocabulary.results import ErrorInfo
from llamaq.vocabulary.status import JobStatus

__version__ = "0.1.0"

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
    "VersionMismatch",
]
