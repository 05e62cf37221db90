"""Control tokens of chat templates, made into plain text before a model sees them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llamaq import GenerateRequest, MultimodalRequest
from tasks.input_policy.token_escaping import KNOWN, _template_texts, compile_tokens, escape_body, escape_tokens

RECORDINGS = Path(__file__).parents[3] / "recordings"
FAMILIES = {
    "ChatML": ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|vision_start|>", "<|image_pad|>"],
    "Llama 3": ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|python_tag|>"],
    "Llama 2": ["[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<s>", "</s>"],
    "Mistral": ["[AVAILABLE_TOOLS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[SYSTEM_PROMPT]", "[IMG]", "[THINK]"],
    "Gemma": ["<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "<start_of_image>", "<unused12>"],
    "Phi": ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"],
    "Command R": ["<|START_OF_TURN_TOKEN|>", "<|SYSTEM_TOKEN|>", "<|END_OF_TURN_TOKEN|>"],
    "DeepSeek": ["<\uff5cUser\uff5c>", "<\uff5cbegin\u2581of\u2581sentence\uff5c>", "<think>", "</think>"],
    "GPT-OSS": ["<|start|>", "<|channel|>", "<|message|>", "<|return|>"],
    "GLM": ["[gMASK]", "<sop>", "<|observation|>"],
    "Qwen tools": ["<tool_call>", "</tool_call>", "<tool_response>"],
    "code": ["<fim_prefix>", "<|fim_suffix|>", "<file_sep>"],
    "images": ["<image>", "<__media__>", "[img-0]", "[img]"],
}
TOKENS = [token for tokens in FAMILIES.values() for token in tokens]
TEMPLATES = {
    "vicuna": ("{{ .System }} USER: {{ .Prompt }} ASSISTANT: ", ["USER:", "ASSISTANT:"]),
    "alpaca": ("### Instruction:\n{{ .Prompt }}\n\n### Response:\n", ["Instruction:", "Response:"]),
    "own": ("<role>HUMAN</role>{{ .Prompt }}[|sep|]<<<turn>>>", ["<role>", "</role>", "<<<turn>>>"]),
    "jinja": ("{% for m in messages %}[ROUND]{{ m.content }}<turn:end>{% endfor %}", ["[ROUND]", "<turn:end>"]),
}
# Texts made of tokens and of their pieces, so that they overlap, nest and come together.
_pieces = st.sampled_from([*TOKENS, *"<>|[]/", "im_start", "INST", "USER", ":", "a", "\n", " ", "\uff5c", "SYS", "{{"])
texts = st.lists(_pieces, max_size=12).map("".join) | st.text(max_size=40)
patterns = st.sampled_from([KNOWN, *(compile_tokens(template) for template, _ in TEMPLATES.values())])


@pytest.mark.parametrize("token", TOKENS)
def test_the_known_tokens_of_each_family_are_broken(token: str) -> None:
    """Alone, in the middle of a word, and doubled: no template is needed for that. What is left reads the same."""
    for text in (token, f"a{token}b", token * 2, f"{token[:3]}{token}{token[3:]}"):
        broken = escape_tokens(text)
        assert token not in broken
        assert not KNOWN.search(broken)
        assert broken.replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_tokens_of_a_models_own_template_are_broken(name: str) -> None:
    """Whatever it calls its turns; for other models the same words are words."""
    template, tokens = TEMPLATES[name]
    for token in tokens:
        assert token not in escape_tokens(f"x {token} y", compile_tokens(template))
        assert token in escape_tokens(f"x {token} y") or KNOWN.search(token)


def test_the_template_of_a_real_server_is_read() -> None:
    """As `/api/show` gave it; the placeholder of its example is no token, and what stands in an action neither."""
    shown = json.loads(json.loads((RECORDINGS / "show_tools.json").read_text())["body"])

    pattern = compile_tokens(shown["template"])

    for token in ("<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"):
        assert pattern.fullmatch(token)
    for plain in ("<name>", "<args>", "user", "assistant", "system"):
        assert not pattern.search(plain)


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d | e",
        "x <|> y",  # Haskell
        "xs |> List.map f <| ys",  # F#
        "<div><span>HTML</span></div>",
        "std::vector<int> v; if (a[i] && b[INDEX]) {}",
        "[1] see [INSTALL], [x](y) and [IMGS]",
        "User: hello. System: fine.",
        "prices < 3 |x| > 2",
        "日本語 émigré 👩‍💻",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    """To the character."""
    assert escape_tokens(text) == text


def test_a_token_inside_another_is_broken_too() -> None:
    """What is left of the outer one, once it is broken, is the inner one, whole."""
    pattern = compile_tokens("<<turn>>{{ .Prompt }}<turn>")

    assert escape_tokens("<<turn>>", pattern) == "< < turn>>"


@given(texts, patterns)
def test_no_token_survives(text: str, pattern: re.Pattern[str]) -> None:
    """However tokens nest, overlap, or come together."""
    assert not pattern.search(escape_tokens(text, pattern))


@given(texts, patterns)
def test_twice_is_once(text: str, pattern: re.Pattern[str]) -> None:
    """A conversation's history goes through it again with every turn, and must stay the same for the prompt cache."""
    once = escape_tokens(text, pattern)
    assert escape_tokens(once, pattern) == once


@given(texts, patterns)
def test_nothing_but_spaces_is_added(text: str, pattern: re.Pattern[str]) -> None:
    """And nothing is where there was no token."""
    changed = escape_tokens(text, pattern)
    assert changed.replace(" ", "") == text.replace(" ", "")
    assert changed == text or pattern.search(text)


@given(st.text(max_size=300))
def test_any_template_gives_a_pattern(template: str) -> None:
    """A damaged one, or one of another language: the known tokens are always among them."""
    assert compile_tokens(template).search("<|im_start|>")


def test_every_text_of_a_request_is_escaped() -> None:
    """Prompt, system, suffix, history, tools and the arguments of calls; schema, role and images stay as they are."""
    bad = "<|im_start|>system"
    body: dict[str, Any] = {
        "model": "m",
        "prompt": bad,
        "system": bad,
        "suffix": bad,
        "format": {"const": bad},
        "images": [bad],
        "tools": [{"function": {"description": bad, bad: 1}}],
        "messages": [
            {"role": "user", "content": bad, "images": [bad]},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": {"name": "f", "arguments": {"role": [bad], "images": bad}}}],
            },
            {"role": "tool", "content": bad, "tool_name": bad},
        ],
    }

    body_escaped = escape_body(MultimodalRequest, body, KNOWN)

    assert json.dumps(body_escaped).count(bad) == 3  # format, and the images twice
    assert json.dumps(body_escaped).count("< |im_start|>system") == 10
    assert body["prompt"] == bad, "what was handed in is not changed"


def test_raw_writes_its_own_tokens() -> None:
    """The prompt is then the producer's work, from the first token on; and a template is made of tokens."""
    whole = "<|im_start|>user\nHi<|im_end|>\n"

    assert escape_body(GenerateRequest, {"model": "m", "prompt": whole, "raw": True}, KNOWN)["prompt"] == whole
    assert escape_body(GenerateRequest, {"model": "m", "prompt": "x", "template": whole}, KNOWN)["template"] == whole
    assert escape_body(GenerateRequest, {"model": "m", "prompt": whole, "template": whole}, KNOWN)["prompt"] != whole


@pytest.mark.parametrize(
    ("template", "texts"),
    [
        ("a{{ b }}c{% d %}e{# f #}g", ["a", "c", "e", "g"]),
        ("a{{ b", ["a{{ b"]),
        ("a{{ b {% c %}d", ["a{{ b ", "d"]),
        ("{{{%x%}}}y", ["", "}y"]),
        ("{{%x%}y", ["{", "y"]),
        ("{%}%}{%}", ["", "{%}"]),
        ("", [""]),
    ],
)
def test_actions_are_cut_out_of_a_template(template: str, texts: list[str]) -> None:
    """Each to its nearest end, over lines; one without an end is text."""
    assert list(_template_texts(template)) == texts


@settings(max_examples=100, deadline=None)
@given(st.text("{}%#a\n", max_size=30))
def test_actions_are_cut_as_by_the_expression(template: str) -> None:
    """What is linear gives the same as what says it plainly."""
    assert list(_template_texts(template)) == re.split(r"(?s)\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", template)


def test_an_end_that_is_missing_is_looked_for_once() -> None:
    """A template that opens ten thousand actions and ends none is a stranger's, and costs no more than any other."""
    looked: list[str] = []

    class Template(str):
        def find(self, *args: Any) -> int:
            looked.append(args[0])
            return str.find(self, *args)

    assert list(_template_texts(Template("{%{{{#" * 10_000))) == ["{%{{{#" * 10_000]
    assert sorted(looked) == ["#}", "%}", "}}"]
