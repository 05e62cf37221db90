"""The prompt SmolLM2 gets."""

from embedded.engine.chatml import drop_oldest, messages_of, render
from embedded.engine.interface import Call, Model


def test_a_prompt_is_one_user_message() -> None:
    """With the system text before it, and the assistant's turn left open."""
    call = Call("generate", Model("a:b"), "a:b", {"prompt": "Hi", "system": "Be brief."}, stream=True, options={})
    assert render(messages_of(call)) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_oldest_message_goes_first() -> None:
    """But never a system message, and never the last."""
    history = [{"role": "system"}, {"role": "user", "content": "1"}, {"role": "assistant"}, {"role": "user"}]
    shorter = drop_oldest(history)
    assert shorter == [history[0], history[2], history[3]]
    assert drop_oldest([history[0], history[3]]) is None
