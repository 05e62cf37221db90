"""What a line of a batch asks for: the job, and the body of its answer. Both are as for a single request."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.access.caller import Caller
from gateway.openai.parameters import unsupported
from gateway.openai.parsed_request import ParsedRequest
from gateway.openai.routes import READERS
from gateway.responses.log_reading import read_to_end
from gateway.responses.note import read_note
from gateway.responses.parsed_request import read_request
from gateway.responses.references import parse_with_references
from llamaq import AsyncJobQueue
from llamaq.client.aio.job import AsyncJob
from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject

RESPONSES = "/v1/responses"
ENDPOINTS = (*READERS, RESPONSES)


@dataclass(frozen=True, slots=True)
class LineRequest:
    """What a line asks for.

    Attributes:
        job: what `submit` takes.
        name_parameters: makes a refusal of the job name the parameters.
        answer: the body of the answer, when the job has ended; raises as `job.result()`.
    """

    job: Mapping[str, Any]
    name_parameters: Callable[[InvalidRequest], InvalidRequest]
    answer: Callable[[AsyncJob[Any]], Awaitable[JsonObject]]


async def read_line_request(queue: AsyncJobQueue, caller: Caller, endpoint: str, body: JsonObject) -> LineRequest:
    """Read what the body of a line asks for.

    Raises:
        InvalidRequest: names the parameter that is wrong.
        GatewayError: there is no response, or no item, with an id that it names.
    """
    for name in ("stream", "background"):
        if body.get(name):
            raise unsupported(name, "the lines of a batch are answered as a whole, in its output file")
    if endpoint != RESPONSES:
        return _from_openai(READERS[endpoint](body))
    given = read_request(body)
    parsed = await parse_with_references(queue, caller, given)
    return LineRequest(parsed.job, parsed.name_parameters, lambda job: _read_response(job, parsed.job["note"]))


def _from_openai(parsed: ParsedRequest) -> LineRequest:
    async def answer(job: AsyncJob[Any]) -> JsonObject:
        result = await job.result()
        return parsed.form.render_body(job.id, int(SYSTEM.time()), result)

    return LineRequest(parsed.job, parsed.name_parameters, answer)


async def _read_response(job: AsyncJob[Any], note: str) -> JsonObject:
    read = read_note(note)
    assert read is not None  # noqa: S101 - it was made a moment ago
    builder = await read_to_end(job, read)
    if builder.error is not None:
        raise builder.error
    return builder.build()
