"""The tags around a model's thinking, where they stand in its text."""

THINKING_TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
)
"""Each opening tag with its closing tag: of Qwen and DeepSeek, of several fine-tunes, Seed, Magistral, and Kimi."""
