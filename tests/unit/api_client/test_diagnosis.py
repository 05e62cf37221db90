"""An error text is diagnosed by the server's own words, never by what it quotes."""

import pytest

from api_client import (
    BadRequest,
    ContextOverflow,
    OllamaStatusError,
    RegistryUnreachable,
    RunnerDied,
    ServerFault,
    Unsupported,
)
from api_client.diagnosis import ErrorBody, diagnose, own_words, reported

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
    ("an error was encountered while running the model: unexpected EOF", RunnerDied, BadRequest),
    ("llama runner process has terminated: exit status 2", RunnerDied, BadRequest),
    ("llama runner process no longer running: 1 error: out of memory", RunnerDied, BadRequest),
    ("model runner has unexpectedly stopped, this may be due to resource limitations", RunnerDied, BadRequest),
    ("llama-server process has terminated: signal: killed", RunnerDied, BadRequest),
    ("error reading llama-server response: context canceled", RunnerDied, BadRequest),
    ('do completion request: Post "http://127.0.0.1:41927/completion": EOF', RunnerDied, BadRequest),
    ('do embedding request: Post "http://127.0.0.1:41927/embedding": EOF', RunnerDied, BadRequest),
    ('embedding generation failed: do embedding request: Post "http://h/embedding": EOF', RunnerDied, BadRequest),
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
    """As a 500, as an error line in a stream, and as a 400."""
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
    assert own_words(message) == own


@pytest.mark.parametrize("empty", ["", {"message": ""}])
def test_an_error_without_a_text_has_one(empty: object) -> None:
    """As a line of a stream it has no status that could stand for it."""
    assert str(diagnose(reported(None, empty))) == "an error without a text"
    assert str(diagnose(reported(500, empty))) == "HTTP status 500"
