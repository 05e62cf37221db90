"""What the tests of an application use: the queue without a Redis, workers or models.

It needs `pip install "llamaq[testing]"`.
"""

from llamaq.testing.answers import failed
from llamaq.testing.fake_service import FakeService

__all__ = ["FakeService", "failed"]
