"""Token escaping: control tokens in a user's text become plain text, so that no user can begin a turn.

A tokenizer reads `<|im_start|>` in a prompt as the token itself, so a user's text could end its turn and begin one of
the system. A space after the first character makes a token plain text, which a model can still read. A zero-width
character does not suffice: Unicode normalisation removes it, and a model may repeat it unseen.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from llamaq.admission.texts import map_strings
from llamaq.vocabulary.kinds.message import Message
from llamaq.vocabulary.kinds.request import Request
from llamaq.vocabulary.text_rules import unescaped_fields

# The tokens of the model families, and the marks with which Ollama and llama.cpp put images into a prompt. No token
# contains white space, so the inserted space cannot make another token.
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
# A template's own text may hold further tokens: a word in brackets, unless it is the placeholder of an example
# (`"name": <name>`), or the word for a speaker with a colon.
_BRACKETED = re.compile(r"<<[^<>\s]{1,64}>>|(?<![:,] )<[^<>\s]{1,64}>(?![,}])|\[/?[A-Z][A-Z0-9_]{0,62}\]")
_SPEAKER = re.compile(
    r"(?<!\w)(?:USER|User|ASSISTANT|Assistant|SYSTEM|System|HUMAN|Human|AI|BOT|Bot|Instruction|Response|Input|Question|"
    r"Answer):"
)
_MESSAGE_UNESCAPED = unescaped_fields(Message)
"""The fields of a message that are not escaped. In tools and in the arguments of calls such names are escaped."""


@lru_cache(maxsize=256)
def compile_tokens(template: str) -> re.Pattern[str]:
    """Compile the tokens that are escaped for a model with this chat template: its own and the known ones.

    Args:
        template: as `/api/show` gives it, in Go's or Jinja's language; empty where it is not known.
    """
    own: set[str] = set()
    for text in _template_texts(template):
        own.update(_BRACKETED.findall(text))
        own.update(_SPEAKER.findall(text))
    if not own:
        return KNOWN
    longest_first = sorted(own, key=lambda token: (-len(token), token))
    return re.compile("|".join([*map(_token_pattern, longest_first), KNOWN.pattern]))


def _template_texts(template: str) -> Iterator[str]:
    """The text between the actions. A missing end is searched for once, because a template may open many actions."""
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


def _token_pattern(token: str) -> str:
    # A speaker's name counts only at the beginning of a word.
    return rf"(?<!\w){re.escape(token)}" if token[0].isalpha() else re.escape(token)


def escape_tokens(text: str, tokens: re.Pattern[str] = KNOWN) -> str:
    """Escape the tokens in the text."""
    while tokens.search(text):  # again, because an escaped token may contain another one
        text = tokens.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
    return text


def escape_body(request: type[Request], body: Mapping[str, Any], tokens: re.Pattern[str]) -> dict[str, Any]:
    """Escape the texts in the body of a request to Ollama, history and tools included.

    Every string is escaped, also in unknown fields, except in the fields that the kind's request declares as unescaped.
    With `raw` no string is escaped: the producer writes the control tokens itself.
    """
    if body.get("raw"):
        return dict(body)

    def change(value: Any) -> Any:
        return map_strings(value, lambda text: escape_tokens(text, tokens), names=True)

    def members(fields: Mapping[str, Any], unchanged: frozenset[str]) -> dict[str, Any]:
        return {name: value if name in unchanged else change(value) for name, value in fields.items()}

    changed = members(body, unescaped_fields(request) | {"messages"})
    if "messages" in body:
        changed["messages"] = [members(message, _MESSAGE_UNESCAPED) for message in body["messages"]]
    return changed
