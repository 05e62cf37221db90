"""What a host sends, at random: lines of answers, answers about itself, and errors.

Each ends in a typed outcome that blames the host and nobody else, and what is completed can be read back. An input is
made of one seed, which a failure tells: add it to seeds.json. `FUZZ_SECONDS` is the time for each door.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from api_client import OllamaClient, OllamaError
from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Completed, Error, Failed, Retry
from llamaq.vocabulary import events
from llamaq.vocabulary.results import RESULT, ErrorInfo
from llamaq.vocabulary.wire import dump_members, dumps
from tasks.attempt.stoppable import Attempt
from tasks.input_policy.policy import InputPolicy
from tests.fuzz.conftest import SECONDS, seeds
from tests.fuzz.mutation import Mutator
from tests.unit.api_client.scripted_server import ScriptedServer, Visit
from tests.unit.tasks.ollama import EventBuffer, claimed, context
from worker.attempt import execute
from worker.host.inventory import Inventory

LONGEST_SECONDS = 20.0
STATS = {
    "total_duration": 9_000_000,
    "load_duration": 1_000_000,
    "prompt_eval_duration": 1_000_000,
    "eval_duration": 1_000_000,
    "prompt_eval_count": 3,
    "eval_count": 5,
    "model": MODEL,
}
LAST = {"done": True, "done_reason": "stop", **STATS}
CALL = {"id": "call_1", "type": "function", "function": {"index": 0, "name": "f", "arguments": {"a": [1, {"b": 2.5}]}}}
USER = [{"role": "user", "content": "x"}]
SCHEMA = {"type": "object", "properties": {"a": {}}, "required": ["a"]}
DETAILS = {"format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": "1B", "context_length": 8192}
NAMED = {"name": MODEL, "model": MODEL, "size": 5, "digest": "ab", "details": {**DETAILS, "quantization_level": "Q4"}}
TRAPS = (
    *("json: cannot unmarshal array", "multimodal data provided", "it is longer than the context length", "EOF"),
    *(
        "model does not support tools",
        "llama runner process has terminated",
        "pull model manifest: file does not exist",
    ),
)
POLICY = InputPolicy(pulls=lambda _: True)
QUOTES = ("'", '"', "[", "{", "`")
NO_NAMES = ("", " ", "a b", ":pull", "a\nb", "\x00", "a\u2003b")
HEADERS = ("Retry-After", "Content-Type", "Location", "Content-Encoding", "Transfer-Encoding", "Set-Cookie", "X")
LOGPROB = {"token": "a", "logprob": -1.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -2.5}]}
WISHES = ("1", "9" * 400, "-1", "x", "Wed, 21 Oct 9999 07:28:00 GMT", "Mon, 01 Jan 0001 00:00:00 +2400", "http://[")

# Kind, the rest of the request, and the lines of a good answer.
ANSWERS: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    ("generate", {"prompt": "x"}, [{"thinking": "b"}, {"response": "a", "done": False}, {"response": "", **LAST}]),
    ("generate", {"prompt": "x", "stream": False}, [{"response": "a", "thinking": "b", "context": [1, 2], **LAST}]),
    ("generate", {"prompt": "x", "context": [], "logprobs": True}, [{"response": "a", "logprobs": [LOGPROB]}, LAST]),
    ("chat", {"messages": USER}, [{"message": {"content": "a"}}, {"message": {"thinking": "b"}}, LAST]),
    ("chat", {"messages": USER}, [{"message": {"content": "", "tool_calls": [CALL, CALL]}, "done": False}, LAST]),
    ("chat", {"conversation": "c", "message": "x"}, [{"message": {"role": "assistant", "content": "a"}, **LAST}]),
    ("extraction", {"prompt": "x", "schema": SCHEMA}, [{"message": {"content": '{"a": ["b", 1]}'}, **LAST}]),
    ("embedding", {"input": ["a", "b"]}, [{"embeddings": [[0.1, -0.2], [1, 2e-3]], **STATS}]),
    (
        "pull",
        {},
        [{"status": "pulling"}, {"status": "p", "digest": "d", "total": 9, "completed": 1}, {"status": "success"}],
    ),
    ("unload", {"host": "alpha"}, [{"response": "", "done": True, "done_reason": "unload"}]),
]
ABOUT: dict[str, dict[str, Any]] = {
    "/api/tags": {
        "models": [{**NAMED, "modified_at": "2026-01-01T00:00:00.123456789Z", "capabilities": ["completion"]}]
    },
    "/api/ps": {"models": [{**NAMED, "size_vram": 3, "expires_at": "2318-01-01T00:00:00Z", "context_length": 4096}]},
    "/api/version": {"version": "0.32.15"},
    "/api/show": {
        "template": "{{ .Prompt }}",
        "parameters": "num_ctx 4096",
        "modelfile": "FROM x",
        "details": DETAILS,
        "model_info": {"general.architecture": "llama", "llama.context_length": 8192},
        "capabilities": ["vision"],
    },
}


class Host:
    """Answers each request as it is told to.

    Attributes:
        answer: what is done with a request.
    """

    def __init__(self) -> None:
        self.answer: Callable[[Visit], None] = lambda visit: visit.answer(200, {})
        self._server = ScriptedServer(self._answer)

    def _answer(self, visit: Visit) -> None:
        self.answer(visit)

    @contextmanager
    def client(self) -> Iterator[OllamaClient]:
        """A client. It tries again, because the server closes connections that the client keeps."""
        with self._server, OllamaClient(self._server.url, retries=2, backoff_seconds=0) as client:
            yield client

    def forget(self) -> None:
        """Keep nothing of what came."""
        self._server.visits.clear()
        self._server.arrivals.queue.clear()


def send_answer(visit: Visit, body: bytes) -> None:
    """Send an answer in one packet: in two, each would wait 40 ms for the acknowledgement of the first."""
    visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


class Transcript(EventBuffer):
    """Reads back each event as a reader of the log would."""

    def delta(self, text: str = "", thinking: str = "", tool_calls: Any = None, logprobs: Any = None) -> None:
        lists = {"tool_calls": tool_calls or None, "logprobs": logprobs or None}
        made = dump_members(text=text or None, thinking=thinking or None, **lists)
        events.parse("1-1", f'{{"v":1,"type":"delta","attempt":1,"at":1.0{"," * bool(made)}{made}}}')

    def progress(self, stage: str, **numbers: Any) -> None:
        made = dump_members(stage=stage, **numbers)
        events.parse("1-1", f'{{"v":1,"type":"progress","attempt":1,"at":1.0,{made}}}')


def run_attempt(client: OllamaClient, kind: str, fields: dict[str, Any]) -> Any:
    """Run an attempt: its outcome."""
    job = claimed(kind, json.dumps({"kind": kind, "model": MODEL, **fields}))
    given = context(client, Transcript(), POLICY)  # type: ignore[arg-type]  # the real client

    @contextmanager
    def provide(*_: object) -> Iterator[Any]:
        yield given

    return execute.run(job, Attempt("job"), provide)


def parse_error(error: Error) -> ErrorInfo:
    """Parse an error, as a reader does."""
    return ErrorInfo.model_validate_json(dumps(error.as_json()))


def mutate_lines(mutator: Mutator, lines: list[dict[str, Any]]) -> bytes:
    """Change lines of JSON, so that they are nearly right."""
    draw = mutator.random
    changed = mutator.change(lines) if draw.random() < 0.9 else lines
    if draw.random() < 0.1:
        changed = [*changed[:1], {"error": mutator.draw_value()}, *changed[1:]]
    text = "\n".join(mutator.write(line) for line in changed) + "\n" * draw.randrange(2)
    if draw.random() < 0.5:  # around the depth that a line may have, and the result of it may not
        levels = draw.randrange(192, 198)
        text = text.replace("2.5", "[" * levels + "]" * levels)
    data = (mutator.tear(text) if draw.random() < 0.1 else text).encode("utf-8", "surrogatepass")
    return data[: draw.randrange(len(data) + 1)] if draw.random() < 0.05 else data


def fuzz_lines(client: OllamaClient, host: Host, mutator: Mutator, store: JobStore, fleet: Fleet) -> None:
    """Run an attempt whose host sends odd lines."""
    kind, fields, lines = mutator.random.choice(ANSWERS)
    body = mutate_lines(mutator, lines)
    host.answer = lambda visit: send_answer(visit, body)

    outcome = run_attempt(client, kind, fields)

    if isinstance(outcome, Completed):
        RESULT.validate_json(outcome.result_json)
        events.parse("1-1", f'{{"v":1,"type":"completed","attempt":1,"at":1.0,"result":{outcome.result_json}}}')
        for message in outcome.turn_json:
            json.loads(message)
        return
    assert isinstance(outcome, Failed | Retry), outcome
    code = parse_error(outcome.error).code
    assert code != "internal", outcome
    if b"error" not in body:
        assert code in {"ollama_error", "invalid_output", "context_overflow"}, outcome
        assert code == "ollama_error" or kind == "extraction", outcome


def fuzz_probe(client: OllamaClient, host: Host, mutator: Mutator, store: JobStore, fleet: Fleet) -> None:
    """Run a probe whose host tells odd things: a report that Redis takes and readers read, or a typed error."""
    bodies = {
        path: mutator.write(mutator.change(body) if mutator.random.random() < 0.5 else body)
        for path, body in ABOUT.items()
    }
    if mutator.random.random() < 0.1:
        bodies["/api/tags"] = json.dumps({"models": [{"name": mutator.random.choice(NO_NAMES)}]})
    host.answer = lambda visit: send_answer(visit, bodies[visit.path].encode("utf-8", "surrogatepass"))
    try:
        report = Inventory(client).take()
    except OllamaError as error:
        reason = error.message
    else:
        store.report(
            2,
            1,
            report.status,
            report.models,
            loaded=sorted(report.loaded),
            affinity_patience=1.0,
            lane_patience=1.0,
            runners=report.runners,
            contexts=report.contexts,
        )
        store.keep_cards(report.cards)
        for name in set(report.models):
            assert isinstance(fleet.queue.show(name), dict | None)
        (found,) = fleet.queue.hosts()
        assert sorted({model.model for model in found.models}) == sorted(set(report.models))
        assert not report.problem or found.last_error
        assert fleet.redis.smembers(f"{fleet.keys.prefix}:host:alpha:models") == set(report.models)
        return
    store.report_down(2, 1, reason)
    (found,) = fleet.queue.hosts()
    assert found.last_error == reason


def fuzz_refusal(client: OllamaClient, host: Host, mutator: Mutator, store: JobStore, fleet: Fleet) -> None:
    """A request that is refused in odd words, by odd heads."""
    draw = mutator.random
    trap = draw.choice(TRAPS)
    quoting = f"error parsing tool call: raw='{mutator.draw_text()}{trap}{draw.choice(QUOTES)}', err={trap}"
    error: Any = draw.choice([quoting, {"message": quoting}, json.dumps({"error": {"message": quoting}}), trap])
    body = {"error": error}
    plain = error is not trap and draw.random() < 0.3
    text = mutator.write(mutator.change(body)) if not plain and draw.random() < 0.6 else json.dumps(body)
    status = 500 if plain else draw.choice([500, 500, 302, draw.randrange(100, 600), draw.randrange(1100)])
    content = text.encode("utf-8", "surrogatepass")
    length = len(content) if plain else draw.choice([len(content), len(content), 5, 10**6, mutator.draw_text()])
    headers = [f"{draw.choice(HEADERS)}: {draw.choice(WISHES)}\r\n" for _ in range(0 if plain else draw.randrange(3))]
    head = f"HTTP/1.1 {status} Odd\r\n{''.join(headers)}Content-Length: {length}\r\n\r\n"
    if not plain and draw.random() < 0.2:
        head = mutator.tear(head)
    data = head.encode("utf-8", "surrogatepass") + content

    def answer(visit: Visit) -> None:
        visit.send(data)
        visit.cut()

    host.answer = answer
    outcome = run_attempt(client, "generate", {"prompt": "x", "first_token_within": 5, "stall_after": 5})

    if isinstance(outcome, Completed):
        assert not plain, "it was an error"
        return
    assert isinstance(outcome, Failed | Retry)
    code = parse_error(outcome.error).code
    assert code != "internal", outcome
    assert not plain or (code, type(outcome)) == ("ollama_error", Retry), outcome


@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize(
    ("door", "send"), [("host_line", fuzz_lines), ("host_status", fuzz_probe), ("host_error", fuzz_refusal)]
)
def test_whatever_a_host_sends_has_a_typed_outcome(
    redis_server: EmbeddedRedis,
    prefix: str,
    door: str,
    send: Callable[[OllamaClient, Host, Mutator, JobStore, Fleet], None],
    record_property: Callable[[str, object], None],
) -> None:
    """No exception of another type, nothing that hangs, nobody else to blame; a good answer behind it all is read."""
    host, fleet, number = Host(), Fleet(redis_server.url, prefix), 0
    store = fleet.add_host()
    with host.client() as client:
        for seed in seeds(door):
            began = time.monotonic()
            try:
                send(client, host, Mutator(seed), store, fleet)
                assert time.monotonic() - began < LONGEST_SECONDS, "it hangs"
            except BaseException:
                print(f"--- the seed of {door} is {seed}")  # noqa: T201 - for seeds.json
                raise
            host.forget()
            number += 1
        host.answer = lambda visit: send_answer(visit, b'{"response": "well", "done": true}')
        assert run_attempt(client, "generate", {"prompt": "x"}).result["text"] == "well"
    fleet.close()
    record_property("inputs", number)
    print(f"{door}: {number} inputs")  # noqa: T201 - told by `-s`, and where it fails
