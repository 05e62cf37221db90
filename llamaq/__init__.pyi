# Generated from llamaq/public_names.py by codegen/public_names.py: python3 run.py generate
from llamaq.client.aio.conversation import AsyncConversation as AsyncConversation
from llamaq.client.aio.job import AsyncJob as AsyncJob
from llamaq.client.aio.queue import AsyncJobQueue as AsyncJobQueue
from llamaq.client.batches import BatchResult as BatchResult
from llamaq.client.blocking.conversation import Conversation as Conversation
from llamaq.client.blocking.job import Job as Job
from llamaq.client.blocking.queue import JobQueue as JobQueue
from llamaq.client.dead_letters import DeadLetter as DeadLetter
from llamaq.client.fleet_history import Minute as Minute
from llamaq.client.job_lists import JobPage as JobPage
from llamaq.settings.producer import Limits as Limits
from llamaq.vocabulary.conversations import ConversationInfo as ConversationInfo
from llamaq.vocabulary.conversations import ConversationSettings as ConversationSettings
from llamaq.vocabulary.conversations import KeptMessage as KeptMessage
from llamaq.vocabulary.errors import BrokerUnavailable as BrokerUnavailable
from llamaq.vocabulary.errors import ConversationBusy as ConversationBusy
from llamaq.vocabulary.errors import ConversationError as ConversationError
from llamaq.vocabulary.errors import ConversationExists as ConversationExists
from llamaq.vocabulary.errors import ConversationNotFound as ConversationNotFound
from llamaq.vocabulary.errors import CursorExpired as CursorExpired
from llamaq.vocabulary.errors import IdempotencyConflict as IdempotencyConflict
from llamaq.vocabulary.errors import InvalidRequest as InvalidRequest
from llamaq.vocabulary.errors import JobCancelled as JobCancelled
from llamaq.vocabulary.errors import JobError as JobError
from llamaq.vocabulary.errors import JobExpired as JobExpired
from llamaq.vocabulary.errors import JobFailed as JobFailed
from llamaq.vocabulary.errors import JobNotFound as JobNotFound
from llamaq.vocabulary.errors import LlamaqError as LlamaqError
from llamaq.vocabulary.errors import QueueFull as QueueFull
from llamaq.vocabulary.errors import StreamError as StreamError
from llamaq.vocabulary.errors import StreamRestarted as StreamRestarted
from llamaq.vocabulary.errors import SubmitError as SubmitError
from llamaq.vocabulary.errors import UnknownModel as UnknownModel
from llamaq.vocabulary.errors import VersionMismatch as VersionMismatch
from llamaq.vocabulary.events import Event as Event
from llamaq.vocabulary.events import Restarted as Restarted
from llamaq.vocabulary.fields import AnyMessage as AnyMessage
from llamaq.vocabulary.fields import MessageDict as MessageDict
from llamaq.vocabulary.fields import NotifyDict as NotifyDict
from llamaq.vocabulary.fields import OptionsDict as OptionsDict
from llamaq.vocabulary.kinds.chat import ChatRequest as ChatRequest
from llamaq.vocabulary.kinds.chat import ChatResult as ChatResult
from llamaq.vocabulary.kinds.chat import ReplyMessage as ReplyMessage
from llamaq.vocabulary.kinds.embedding import EmbeddingRequest as EmbeddingRequest
from llamaq.vocabulary.kinds.embedding import EmbeddingResult as EmbeddingResult
from llamaq.vocabulary.kinds.extraction import ExtractionRequest as ExtractionRequest
from llamaq.vocabulary.kinds.extraction import ExtractionResult as ExtractionResult
from llamaq.vocabulary.kinds.generate import GenerateRequest as GenerateRequest
from llamaq.vocabulary.kinds.generate import TextResult as TextResult
from llamaq.vocabulary.kinds.load import LoadRequest as LoadRequest
from llamaq.vocabulary.kinds.load import LoadResult as LoadResult
from llamaq.vocabulary.kinds.message import Message as Message
from llamaq.vocabulary.kinds.multimodal import MultimodalRequest as MultimodalRequest
from llamaq.vocabulary.kinds.pull import PullRequest as PullRequest
from llamaq.vocabulary.kinds.pull import PullResult as PullResult
from llamaq.vocabulary.kinds.unload import UnloadRequest as UnloadRequest
from llamaq.vocabulary.kinds.unload import UnloadResult as UnloadResult
from llamaq.vocabulary.models import HostStatus as HostStatus
from llamaq.vocabulary.models import ModelStatus as ModelStatus
from llamaq.vocabulary.models import WorkerStatus as WorkerStatus
from llamaq.vocabulary.notify import Notify as Notify
from llamaq.vocabulary.options import Options as Options
from llamaq.vocabulary.results import ErrorInfo as ErrorInfo
from llamaq.vocabulary.status import JobStatus as JobStatus
from llamaq.vocabulary.status import QueueStatus as QueueStatus
from llamaq.vocabulary.status import SubmittedRequest as SubmittedRequest

__version__: str
__all__ = [
    "AnyMessage",
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
    "IdempotencyConflict",
    "InvalidRequest",
    "Job",
    "JobCancelled",
    "JobError",
    "JobExpired",
    "JobFailed",
    "JobNotFound",
    "JobPage",
    "JobQueue",
    "JobStatus",
    "KeptMessage",
    "Limits",
    "LlamaqError",
    "LoadRequest",
    "LoadResult",
    "Message",
    "MessageDict",
    "Minute",
    "ModelStatus",
    "MultimodalRequest",
    "Notify",
    "NotifyDict",
    "Options",
    "OptionsDict",
    "PullRequest",
    "PullResult",
    "QueueFull",
    "QueueStatus",
    "ReplyMessage",
    "Restarted",
    "StreamError",
    "StreamRestarted",
    "SubmitError",
    "SubmittedRequest",
    "TextResult",
    "UnknownModel",
    "UnloadRequest",
    "UnloadResult",
    "VersionMismatch",
    "WorkerStatus",
]
