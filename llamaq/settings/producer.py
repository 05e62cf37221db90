"""What a producer decides for its jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from llamaq.settings import tenants
from llamaq.store.keys import Keys

ControlCharacters = Literal["refuse", "remove"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may bring.

    Attributes:
        prompt_chars: characters of all its texts together.
        image_bytes: of one image, as given.
        image_pixels: width times height of one image.
        control_characters: what becomes of those other than tab and newline.
    """

    prompt_chars: int = 200_000
    image_bytes: int = 20 * 1024 * 1024
    image_pixels: int = 40_000_000
    control_characters: ControlCharacters = "refuse"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a producer decides for its jobs; the defaults are the README's.

    Attributes:
        max_queued: jobs waiting per model before `QueueFull`.
        result_ttl: seconds for which an ended job and its log are kept.
        max_attempts: tries before a job fails for good.
        conversation_ttl: seconds for which a conversation is kept after it was last touched.
        max_queued_per_tenant: jobs of one tenant that wait before `QueueFull`, over all models; 0 for no limit.
        tenant_weights: shares of the slots, within a lane; a tenant that is not named has 1.
    """

    keys: Keys = field(default_factory=Keys)
    limits: Limits = field(default_factory=Limits)
    max_queued: int = 10_000
    result_ttl: int = 86_400
    max_attempts: int = 3
    conversation_ttl: int = 2_592_000
    max_queued_per_tenant: int = 0
    tenant_weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise InvalidRequest for a weight that is none."""
        tenants.check(self.tenant_weights)
