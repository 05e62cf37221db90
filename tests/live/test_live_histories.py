"""Histories against a real Ollama, where there is one: whatever it takes, the queue takes."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from api_client import OllamaClient, OllamaError
from llamaq import JobQueue, MessageDict, OptionsDict
from tests.histories import histories

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("live"), pytest.mark.timeout(600)]
SHORT: OptionsDict = {"num_predict": 2, "temperature": 0.0}


@settings(
    deadline=None,
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(histories())
def test_whatever_a_real_ollama_takes_completes(
    live_queue: JobQueue, real_ollama: str, smallest: str, messages: list[MessageDict]
) -> None:
    """The same history, sent to it and through the queue."""
    with OllamaClient(real_ollama) as direct:
        try:
            with direct.chat({"model": smallest, "messages": messages, "options": SHORT}) as stream:
                for _ in stream:
                    pass
        except OllamaError:
            return

    live_queue.chat(smallest, messages=messages, options=SHORT).result(300)
