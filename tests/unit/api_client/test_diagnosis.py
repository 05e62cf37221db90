"""An error text is diagnosed by the server's own words, never by what it quotes."""

import pytest

from api_client import (
    BadRequest,
    ContextOverflow,
    Forbidden,
    GatewayError,
    ModelNotFound,
    OllamaStatusError,
    RegistryUnreachable,
    RunnerDied,
    ServerFault,
    Unsupported,
)
from api_client.diagnosis.error_body import ErrorBody, parse_error, read_body, strip_quoted
from api_client.diagnosis.rules import diagnose

TRAPS = (
    "json: cannot unmarshal array",
    "Multimodal data provided, but model does not support multimodal requests.",
    "the input length is longer than the context length",
    "it's \"longer than the context length\", isn't it?', err='",
    "llama runner process has terminated",
    'option "num_predict" must be of type integer',
    "pull model manifest: file does not exist",
    "x does not support tools",
    "an error was encountered while running the model",
)
QUOTING = (
    "error parsing tool call: raw='{}', err=json: cannot unmarshal array into Go value of type map[string]any",
    "error parsing tool call: raw='{}', err=invalid character 'W' looking for beginning of value",
    "error parsing tool call: raw='{}'",
    "error parsing tool call: raw='{}",
    'error parsing tool call: raw="{}", err=unexpected end of JSON input',
    'the answer cannot be parsed: {{"text": "{}"}}',
    "parse error at `{}`",
    "error parsing tool call: {}",
    "XML syntax error on line 35: {}",
)
# As servers of many versions say it: text, type before a stream (500), type at 400.
TEXTS: list[tuple[str, type[OllamaStatusError], type[OllamaStatusError]]] = [
    ("an error was encountered while running the model: unexpected EOF", RunnerDied, RunnerDied),
    ("llama runner process has terminated: exit status 2", RunnerDied, RunnerDied),
    ("llama runner process no longer running: 1 error: out of memory", RunnerDied, RunnerDied),
    ("model runner has unexpectedly stopped, this may be due to resource limitations", RunnerDied, RunnerDied),
    ("llama-server process has terminated: signal: killed", RunnerDied, RunnerDied),
    ("error reading llama-server response: context canceled", RunnerDied, RunnerDied),
    ('do completion request: Post "http://127.0.0.1:41927/completion": EOF', RunnerDied, RunnerDied),
    ('do embedding request: Post "http://127.0.0.1:41927/embedding": EOF', RunnerDied, RunnerDied),
    ('embedding generation failed: do embedding request: Post "http://h/embedding": EOF', RunnerDied, RunnerDied),
    ('do embedding request: Post "http://h/v1/embeddings": dial tcp h: connection refused', RunnerDied, RunnerDied),
    ('POST predict: Post "http://h/completion": read tcp h: wsarecv: forcibly closed', RunnerDied, RunnerDied),
    ('health resp: Get "http://h/health": dial tcp h: connectex: No connection could be made', RunnerDied, RunnerDied),
    ('Post "https://ollama.com:443/api/chat?ts=1": unexpected EOF', ServerFault, BadRequest),  # of a model there
    ("embedding contains NaN or Inf values", ServerFault, ServerFault),
    ("error reading embed response: unexpected EOF", ServerFault, ServerFault),
    ("unexpected server status: llm server error", ServerFault, ServerFault),
    ("model 'm' not found", ModelNotFound, BadRequest),
    ('model "m" not found, try pulling it first', ModelNotFound, BadRequest),
    ("input (3000 tokens) is larger than the max context size. skipping", ContextOverflow, ContextOverflow),
    ('option "num_predict" must be of type integer', BadRequest, BadRequest),
    ('invalid format: "xml"; expected "json" or a valid JSON Schema object', BadRequest, BadRequest),
    ("json: cannot unmarshal string into Go struct field GenerateRequest.stream of type bool", BadRequest, BadRequest),
    ('time: invalid duration "soon"', BadRequest, BadRequest),
    ('invalid think value: "lots" (must be "high", "medium", "low", true, or false)', BadRequest, BadRequest),
    ("registry.ollama.ai/library/smollm2:135m does not support tools", Unsupported, Unsupported),
    ('"smollm2:135m" does not support thinking', Unsupported, Unsupported),
    ("This server does not support embeddings. Start it with `--embeddings`", Unsupported, Unsupported),
    ("this model does not support embeddings", Unsupported, Unsupported),
    ("Multimodal data provided, but model does not support multimodal requests.", Unsupported, Unsupported),
    ("this model is missing data required for image input", Unsupported, Unsupported),
    ("failed to process inputs: this model is missing data required for image input", Unsupported, Unsupported),
    ("image input is not supported - hint: you may need to provide the mmproj", Unsupported, Unsupported),
    ("the input length exceeds the context length", ContextOverflow, ContextOverflow),
    ("input exceeds maximum context length and cannot be truncated further", ContextOverflow, ContextOverflow),
    ("request (3010 tokens) exceeds the available context size (256 tokens)", ContextOverflow, ContextOverflow),
    (
        "the prompt is longer than the context length currently available to the model",
        ContextOverflow,
        ContextOverflow,
    ),
    ("prompt too long; exceeded max context length by 14 tokens", ContextOverflow, ContextOverflow),
    ("Context size has been exceeded.", ContextOverflow, ContextOverflow),
    ('pull model manifest: Get "https://r/v2/m": dial tcp: lookup r: no such host', RegistryUnreachable, BadRequest),
    ('pull model manifest: Get "https://r/v2/m": net/http: TLS handshake timeout', RegistryUnreachable, BadRequest),
    ("pull model manifest: 503: upstream", RegistryUnreachable, BadRequest),
    ("max retries exceeded: unexpected EOF", RegistryUnreachable, BadRequest),
    ("pull model manifest: file does not exist", OllamaStatusError, BadRequest),
    ("pull model manifest: 412: the model requires a newer version", OllamaStatusError, BadRequest),
    ("model requires more system memory (9.1 GiB) than is available (5.5 GiB)", ServerFault, BadRequest),
    ("timed out waiting for llama runner to start - progress 0.00 - ", ServerFault, BadRequest),
    ("Value looks like object, but can't find closing '}' symbol", ServerFault, BadRequest),
    ("unexpected EOF", ServerFault, BadRequest),
]


@pytest.mark.parametrize(("text", "failed", "refused"), TEXTS, ids=[text[:40] for text, _, _ in TEXTS])
def test_a_text_of_a_server_has_its_type(
    text: str, failed: type[OllamaStatusError], refused: type[OllamaStatusError]
) -> None:
    """As a 500, as an error line in a stream, and as a 400, which /api/embed answers to failures of the server too."""
    assert type(diagnose(ErrorBody(500, text))) is failed
    assert type(diagnose(ErrorBody(None, text))) is failed
    assert type(diagnose(ErrorBody(400, text))) is refused


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("quoting", QUOTING)
def test_what_an_error_quotes_decides_nothing(quoting: str, trap: str) -> None:
    """A text of the model's, however it is quoted or not closed, makes no other error of a failure of the server."""
    text = quoting.format(trap)
    assert type(diagnose(ErrorBody(500, text))) is ServerFault
    assert type(diagnose(ErrorBody(None, text))) is ServerFault
    assert type(diagnose(ErrorBody(400, text))) is BadRequest


@pytest.mark.parametrize(
    ("message", "own"),
    [
        ("error parsing tool call: raw='it's 'so', he said', err=x", "error parsing tool call: , err=x"),
        ('model "a b" does not support tools', 'model "" does not support tools'),
        ("can't find the model's 'file'", "can't find the model's"),
        ('the "rest is open', "the"),
        ('a {"b": "c"} d', "a  d"),
    ],
)
def test_own_words_are_those_outside_of_quotes(message: str, own: str) -> None:
    """Of a name in double quotes the quotes stay, so that the words around it keep their places."""
    assert strip_quoted(message) == own


@pytest.mark.parametrize("empty", ["", {"message": ""}])
def test_an_error_without_a_text_has_one(empty: object) -> None:
    """As a line of a stream it has no status that could stand for it."""
    assert str(diagnose(parse_error(None, empty))) == "an error without a text"
    assert str(diagnose(parse_error(500, empty))) == "HTTP status 500"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "<html>\r\n<head><title>413 Request\r\nToo &amp; Large</title></head><body>x</body></html>",
            "413 Request Too & Large",
        ),
        ("<!DOCTYPE html>\n<!--[if lt IE 7]> <html> <![endif]-->\n<title>Attention!</title>", "Attention!"),
        ("<h1>Bad</h1>\n<p>Gateway</p>", "Bad Gateway"),
        ("<html", "<html"),
        ('{"detail": "Not authenticated"}', "Not authenticated"),
        ('{"message": "API rate limit exceeded", "detail": "x"}', "API rate limit exceeded"),
        ('{"detail": [{"loc": ["body"]}]}', '{"detail": [{"loc": ["body"]}]}'),
        ('{"error": {"detail": "upstream went away"}}', "upstream went away"),
        ("error code: 1033", "error code: 1033"),
    ],
)
def test_the_text_of_a_proxy_is_what_a_person_reads(body: str, text: str) -> None:
    """Of a page its title, of JSON its `message` or `detail`, of anything else all of it."""
    assert read_body(500, body.encode()).message == text


@pytest.mark.parametrize("status", [499, 502, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530])
def test_a_gateway_answers_in_place_of_the_host(status: int) -> None:
    """Its page may name the host, so the message has the status alone."""
    error = diagnose(read_body(status, b"<title>ollama.example.com | 521: Web server is down</title>"))
    assert type(error) is GatewayError
    assert str(error) == f"the proxy before Ollama answered HTTP status {status}"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            401,
            '{"error": "unauthorized", "signin_url": "https://ollama.com/connect?key=k"}',
            "run `ollama signin` on it",
        ),
        (401, '{"error": "unauthorized"}', "a proxy asks for a token"),
        (401, "<title>401 Authorization Required</title>", "a proxy asks for a token"),
        (
            403,
            '{"error": "this model requires a subscription"}',
            "this model requires a subscription (HTTP status 403)",
        ),
        (403, "<title>403 Forbidden</title>", "403 Forbidden (HTTP status 403; check the token)"),
        (403, "", "OLLAMA_ORIGINS"),
    ],
)
def test_a_refused_access_has_its_own_remedy(status: int, body: str, words: str) -> None:
    """Ollama says itself why it does not run a model of its cloud; the address at which one signs in is not told."""
    error = diagnose(read_body(status, body.encode()))
    assert type(error) is Forbidden
    assert words in str(error)
    assert "https://" not in str(error)
