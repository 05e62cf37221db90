"""Control tokens in what a user wrote, made into plain text: nobody but the service opens a turn.

A tokenizer takes `<|im_start|>` in a prompt for the token itself, so that a user's text could end its own turn and
open one of the system's. A space behind its first character makes it words like any others, which a model can still
read. A space, and not a character without a width: that would be lost at the next normalisation, and with it the
protection; and it would end up unseen in what the model quotes.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

# The families' own, and the marks by which Ollama and llama.cpp put images into a prompt. No token has white space in
# it, so that the space that breaks one can never make another.
_KNOWN = (
    r"<\|[^<>|\s]{1,64}\|>",  # ChatML, Qwen, Llama 3, Phi, Command R, Granite, GPT-OSS, GLM, Kimi, Falcon 3
    r"<\uff5c[^<>\uff5c\s]{1,64}\uff5c>",  # DeepSeek, with wide bars
    r"\[/?(?:INST|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS|TOOL_CONTENT|SYSTEM_PROMPT|ARGS|CALL_ID|THINK)\]",  # Mistral
    r"\[(?:IMG|IMG_BREAK|IMG_END|PREFIX|SUFFIX|MIDDLE|gMASK|sMASK|BOS|EOS)\]",
    r"<</?SYS>>",  # Llama 2
    r"</?s>|<(?:bos|eos|pad|unk|sop|eop|EOT|PRE|SUF|MID)>",
    r"<(?:start_of_turn|end_of_turn|start_of_image|end_of_image|image_soft_token|unused\d{1,4})>",  # Gemma
    r"<(?:start_function_call|end_function_call|start_function_response|end_function_response|escape)>",
    r"<(?:fim_prefix|fim_suffix|fim_middle|fim_pad|file_sep|repo_name|endoftext)>",  # StarCoder
    r"</?(?:tool_call|tool_response|tools|think)>",  # Qwen, Hermes, DeepSeek R1
    r"<(?:image|__media__|__image__)>|\[img(?:-\d{1,6})?\]",
)
KNOWN = re.compile("|".join(_KNOWN))
_ACTION = re.compile(r"\{[{%#]")
_ACTION_ENDS = {"{{": "}}", "{%": "%}", "{#": "#}"}
# What in a template's own text is a token by its looks: in brackets, but not the placeholder of an example
# (`"name": <name>`), or the word for a speaker with a colon.
_BRACKETED = re.compile(r"<<[^<>\s]{1,64}>>|(?<![:,] )<[^<>\s]{1,64}>(?![,}])|\[/?[A-Z][A-Z0-9_]{0,62}\]")
_SPEAKER = re.compile(
    r"(?<!\w)(?:USER|User|ASSISTANT|Assistant|SYSTEM|System|HUMAN|Human|AI|BOT|Bot|Instruction|Response|Input|Question|"
    r"Answer):"
)
_NO_TEXTS = ("role", "images")
"""Of a message. Only there: in the arguments of a call, and in a tool, these are names like any other."""


@lru_cache(maxsize=256)
def tokens_of(template: str) -> re.Pattern[str]:
    """What may not come in with a user's text for a model with this template: its own tokens and all known ones.

    Args:
        template: as `/api/show` gives it, in Go's or Jinja's language; empty where it is not known.
    """
    own: set[str] = set()
    for text in _texts(template):
        own.update(_BRACKETED.findall(text))
        own.update(_SPEAKER.findall(text))
    if not own:
        return KNOWN
    longest_first = sorted(own, key=lambda token: (-len(token), token))
    return re.compile("|".join([*map(_literally, longest_first), KNOWN.pattern]))


def _texts(template: str) -> Iterator[str]:
    """What stands between the actions. Each end that is missing is looked for once: the template is a stranger's."""
    begin = at = 0
    missing: set[str] = set()
    while action := _ACTION.search(template, at):
        end = _ACTION_ENDS[action[0]]
        found = -1 if end in missing else template.find(end, action.end())
        if found < 0:
            missing.add(end)
            at = action.start() + 1
        else:
            yield template[begin : action.start()]
            begin = at = found + len(end)
    yield template[begin:]


def _literally(token: str) -> str:
    # A speaker's name is one only where a word begins; at the end of another it is not.
    return rf"(?<!\w){re.escape(token)}" if token[0].isalpha() else re.escape(token)


def neutralised(text: str, tokens: re.Pattern[str] = KNOWN) -> str:
    """The text without a single token in it; a text without any comes back as it is."""
    while tokens.search(text):  # what was broken may have hidden another that began inside it
        text = tokens.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
    return text


def neutral_body(body: Mapping[str, Any], tokens: re.Pattern[str]) -> dict[str, Any]:
    """A request to Ollama with neutral texts, history and tools included.

    `raw` means that the producer writes the tokens; a `template` is made of them. What a schema says, no model sees.
    """

    def change(text: str) -> str:
        return neutralised(text, tokens)

    changed = dict(body)
    for name in () if body.get("raw") else ("prompt", "system", "suffix", "tools"):
        if name in changed:
            changed[name] = _mapped(changed[name], change)
    if "messages" in changed:
        changed["messages"] = [_message(message, change) for message in changed["messages"]]
    return changed


def _message(message: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    return {name: value if name in _NO_TEXTS else _mapped(value, change) for name, value in message.items()}


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {change(name): _mapped(item, change) for name, item in value.items()}
    return value
