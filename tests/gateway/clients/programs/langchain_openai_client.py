"""LangChain with `langchain-openai`."""

import asyncio
from contextlib import aclosing
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from pydantic import BaseModel
from serving import URL, serve

SERVER: dict[str, Any] = {"base_url": f"{URL}/v1", "api_key": "any", "max_retries": 0}


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
    answer = ChatOpenAI(model=model, **SERVER, **options).invoke(text)
    return {"text": answer.content, "usage": answer.usage_metadata, "metadata": answer.response_metadata}


def stream(model: str, text: str, **options: Any) -> Any:
    """The pieces of an answer, and their sum."""
    pieces = list(ChatOpenAI(model=model, stream_usage=True, **SERVER, **options).stream(text))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole + piece
    return {"texts": [piece.content for piece in pieces], "text": whole.content, "usage": whole.usage_metadata}


def tools(model: str, text: str) -> Any:
    """The answer after one round of calls."""
    bound = ChatOpenAI(model=model, **SERVER).bind_tools([weather])
    question = HumanMessage(text)
    asked = bound.invoke([question])
    assert isinstance(asked, AIMessage)
    results = [ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]) for call in asked.tool_calls]
    return bound.invoke([question, asked, *results]).content


@tool
def time(city: str) -> str:
    """Give the time of a city."""
    return f"noon in {city}"


def any_tool(model: str, text: str) -> Any:
    """The calls of a model that has to make one."""
    return ChatOpenAI(model=model, **SERVER).bind_tools([weather, time], tool_choice="any").invoke(text).tool_calls


def structured(model: str, text: str, method: str, into: str = "Person", **options: Any) -> Any:
    """An answer as a type."""
    asked = ChatOpenAI(model=model, **SERVER).with_structured_output(TYPES[into], method=method, **options)
    return asked.invoke(text).model_dump()


def image(model: str, url: str) -> Any:
    """An answer about an image."""
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}]
    return ChatOpenAI(model=model, **SERVER).invoke([HumanMessage(parts)]).content


def completion(model: str, text: str) -> Any:
    """A completion of the older kind."""
    return OpenAI(model=model, **SERVER).invoke(text)


def embed(model: str, texts: list[str], **options: Any) -> Any:
    """Vectors."""
    return OpenAIEmbeddings(model=model, **SERVER, **options).embed_documents(texts)


def leave(model: str, text: str) -> Any:
    """Read the first text, and stop to read."""

    async def first() -> Any:
        async with aclosing(ChatOpenAI(model=model, **SERVER).astream(text)) as pieces:
            async for piece in pieces:
                if piece.content:
                    return piece.content
        return None

    return asyncio.run(first())


serve({"chat": chat, "stream": stream, "tools": tools, "any_tool": any_tool, "structured": structured, "image": image,
       "completion": completion, "embed": embed, "leave": leave})  # fmt: skip
