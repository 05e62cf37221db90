"""The metadata of a host: models on disk, models in memory, and one model in detail.

To accept servers of many versions, every field but the name has a default, null counts as absent, and unknown fields
are ignored.
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Metadata(BaseModel):
    """Metadata of any version: new, missing and null fields are accepted."""

    # pydantic reserves names that begin with "model_", as Ollama's field `model_info` does.
    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: field for name, field in value.items() if field is not None}


class Details(Metadata):
    """Details of a model's weights.

    Attributes:
        context_length: Tokens the model was trained for; None on servers that do not tell it here.
        embedding_length: Numbers in an embedding, or None.
    """

    format: str = ""
    family: str = ""
    families: tuple[str, ...] = ()
    parameter_size: str = ""
    quantization_level: str = ""
    context_length: int | None = None
    embedding_length: int | None = None


class InstalledModel(Metadata):
    """A model on the host's disk.

    Attributes:
        size: Bytes on disk.
        capabilities: "completion", "vision", "tools", ...; None where the server is too old to tell (ask `show`).
    """

    name: str
    model: str = ""
    modified_at: datetime | None = None
    size: int = 0
    digest: str = ""
    details: Details = Details()
    capabilities: frozenset[str] | None = None


class RunningModel(Metadata):
    """A model in the host's memory. Models of the same weights share one entry, under the name loaded first.

    Attributes:
        size: Bytes in memory, of both kinds.
        size_vram: Bytes of these on a GPU; 0 on CPU.
        expires_at: When it is unloaded if no request uses it; centuries ahead for "never".
        context_length: Tokens per slot as loaded; None on servers that do not tell.
    """

    name: str
    model: str = ""
    size: int = 0
    size_vram: int = 0
    digest: str = ""
    details: Details = Details()
    expires_at: datetime | None = None
    context_length: int | None = None


class ModelCard(Metadata):
    """One model in detail.

    Attributes:
        parameters: The model file's parameters as one text.
        info: The weights' metadata, with names such as "llama.context_length".
        capabilities: As of `InstalledModel`.
    """

    modelfile: str = ""
    parameters: str = ""
    template: str = ""
    details: Details = Details()
    info: dict[str, Any] = Field(default_factory=dict, validation_alias="model_info")
    capabilities: frozenset[str] | None = None
    modified_at: datetime | None = None

    @property
    def context_length(self) -> int | None:
        """Tokens the model was trained for, or None."""
        return self._of_architecture("context_length")

    @property
    def embedding_length(self) -> int | None:
        """Numbers in an embedding, or None."""
        return self._of_architecture("embedding_length")

    def _of_architecture(self, name: str) -> int | None:
        value = self.info.get(f"{self.info.get('general.architecture')}.{name}")
        return value if isinstance(value, int) else None


class Installed(Metadata):
    """The answer of /api/tags, newest first."""

    models: tuple[InstalledModel, ...] = ()


class Running(Metadata):
    """The answer of /api/ps."""

    models: tuple[RunningModel, ...] = ()


class Version(Metadata):
    """The answer of /api/version."""

    version: str = ""
