"""LangChain with `langchain-ollama`."""

import asyncio
from contextlib import aclosing
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from pydantic import BaseModel
from serving import URL, serve


class Person(BaseModel):
    """A person."""

    name: str
    age: int


class Verdict(BaseModel):
    """An answer that no model can draw out."""

    yes: bool


TYPES = {"Person": Person, "Verdict": Verdict}


@tool
def weather(city: str) -> str:
    """Give the weather of a city."""
    return f"warm in {city}"


def chat(model: str, text: str, **options: Any) -> Any:
    """An answer, with its figures and its metadata."""
    answer = ChatOllama(model=model, base_url=URL, **options).invoke(text)
    return {
        "text": answer.content,
        "usage": answer.usage_metadata,
        "metadata": answer.response_metadata,
        "more": answer.additional_kwargs,
    }


def stream(model: str, text: str, **options: Any) -> Any:
    """The pieces of an answer, and their sum."""
    pieces = list(ChatOllama(model=model, base_url=URL, **options).stream(text))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole + piece
    return {"text": whole.content, "usage": whole.usage_metadata}


def complete(model: str, text: str) -> Any:
    """A completion."""
    return OllamaLLM(model=model, base_url=URL).invoke(text)


def tools(model: str, text: str) -> Any:
    """The answer after one round of calls."""
    bound = ChatOllama(model=model, base_url=URL).bind_tools([weather])
    question = HumanMessage(text)
    asked = bound.invoke([question])
    assert isinstance(asked, AIMessage)
    results = [ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]) for call in asked.tool_calls]
    return bound.invoke([question, asked, *results]).content


def structured(model: str, text: str, method: str, into: str = "Person") -> Any:
    """An answer as a type."""
    asked = ChatOllama(model=model, base_url=URL).with_structured_output(TYPES[into], method=method)
    return asked.invoke(text).model_dump()


def image(model: str, data: str) -> Any:
    """An answer about an image in base64."""
    content: list[Any] = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": data}}]
    return ChatOllama(model=model, base_url=URL).invoke([HumanMessage(content)]).content


def embed(model: str, texts: list[str]) -> Any:
    """Vectors."""
    return OllamaEmbeddings(model=model, base_url=URL).embed_documents(texts)


def leave(model: str, text: str) -> Any:
    """Read the first piece, and close."""

    async def first() -> Any:
        async with aclosing(ChatOllama(model=model, base_url=URL).astream(text)) as pieces:
            return (await anext(pieces)).content

    return asyncio.run(first())


serve({"chat": chat, "stream": stream, "complete": complete, "tools": tools, "structured": structured,
       "image": image, "embed": embed, "leave": leave})  # fmt: skip
