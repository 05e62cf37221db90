"""A client of Ollama's HTTP API: pooled, retrying, abortable, with typed errors. It imports neither Celery nor Redis.

    with OllamaClient("http://127.0.0.1:11434", slots=4) as client:
        with client.chat({"model": "llama3.2", "messages": [...]}) as stream:
            for chunk in stream:      # another thread may call stream.abort()
                ...

`api_client.errors` draws the tree of errors. `api_client.retry` decides on the retries within one call.
"""

from api_client.answer import Answer
from api_client.client import FIRST_BYTE_TIMEOUT_SECONDS, STALL_TIMEOUT_SECONDS, OllamaClient
from api_client.errors import (
    Aborted,
    BadRequest,
    ConnectionLost,
    ConnectTimeout,
    ContextOverflow,
    FirstByteTimeout,
    Forbidden,
    GatewayError,
    HostUnreachable,
    ModelNotFound,
    NoSuchPath,
    OllamaConnectionError,
    OllamaError,
    OllamaStatusError,
    OllamaTimeout,
    RegistryUnreachable,
    RequestTimeout,
    RunnerDied,
    ServerBusy,
    ServerFault,
    StallTimeout,
    StreamCut,
    StreamError,
    UnknownShape,
    Unsupported,
    UntrustedCertificate,
    WrongProtocol,
)
from api_client.shapes.metadata import Details, InstalledModel, Listing, ModelCard, RunningModel
from api_client.stream import Chunk, Sink, Stream

__all__ = [
    "FIRST_BYTE_TIMEOUT_SECONDS",
    "STALL_TIMEOUT_SECONDS",
    "Aborted",
    "Answer",
    "BadRequest",
    "Chunk",
    "ConnectTimeout",
    "ConnectionLost",
    "ContextOverflow",
    "Details",
    "FirstByteTimeout",
    "Forbidden",
    "GatewayError",
    "HostUnreachable",
    "InstalledModel",
    "Listing",
    "ModelCard",
    "ModelNotFound",
    "NoSuchPath",
    "OllamaClient",
    "OllamaConnectionError",
    "OllamaError",
    "OllamaStatusError",
    "OllamaTimeout",
    "RegistryUnreachable",
    "RequestTimeout",
    "RunnerDied",
    "RunningModel",
    "ServerBusy",
    "ServerFault",
    "Sink",
    "StallTimeout",
    "Stream",
    "StreamCut",
    "StreamError",
    "UnknownShape",
    "Unsupported",
    "UntrustedCertificate",
    "WrongProtocol",
]
