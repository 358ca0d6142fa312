"""Chat through the official library."""
import asyncio
import json

import openai
from pydantic import BaseModel

from conftest import steer, user

MODEL = "gpt-5-mini"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def test_plain(side):
    answer = side.client.chat.completions.create(model=MODEL, messages=user("hello"))
    choice = answer.choices[0]
    assert choice.finish_reason == "stop"
    assert choice.message.role == "assistant"
    assert choice.message.content
    if side.name == "live":
        assert choice.message.content == "Hi there from aimock!"
    assert answer.model == MODEL
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert answer._request_id.startswith("req_")


def test_headers(side):
    raw = side.client.chat.completions.with_raw_response.create(model=MODEL, messages=user("hello"))
    assert raw.headers["x-request-id"] == raw.parse()._request_id
    assert raw.headers["x-tollgate-provider"] == ("sandbox" if side.name == "sandbox" else "openai")
    assert raw.headers["x-tollgate-model"] == MODEL
    assert raw.headers["x-tollgate-attempts"] == "1"


def test_the_same_request_gets_the_same_answer(sandbox):
    ask = {"model": MODEL, "messages": user("Tell me something.")}
    once, again = (sandbox.client.chat.completions.create(**ask) for _ in range(2))
    assert once.model_dump() == again.model_dump()


def test_streamed(side):
    plain = side.client.chat.completions.create(model=MODEL, messages=user("many words"))
    chunks = list(side.client.chat.completions.create(model=MODEL, messages=user("many words"), stream=True))
    assert len(chunks) > 3
    assert len({chunk.id for chunk in chunks}) == 1
    # Usage was not asked for: no chunk without a choice, although the gateway itself asks the provider.
    assert all(len(chunk.choices) == 1 for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == plain.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]


def test_streamed_with_usage(side):
    plain = side.client.chat.completions.create(model=MODEL, messages=user("many words"))
    stream = side.client.chat.completions.create(
        model=MODEL, messages=user("many words"), stream=True, stream_options={"include_usage": True})
    assert stream.response.headers["x-request-id"].startswith("req_")
    chunks = list(stream)
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == plain.usage.total_tokens
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_stream_helper(side):
    with side.client.chat.completions.stream(model=MODEL, messages=user("many words")) as stream:
        kinds = [event.type for event in stream]
    assert "content.delta" in kinds
    assert kinds[-1] in ("content.done", "chunk")
    assert stream.get_final_completion().choices[0].finish_reason == "stop"


def test_async(side):
    async def run():
        async with openai.AsyncOpenAI(base_url=side.url, api_key=side.key, max_retries=0) as client:
            async def one():
                stream = await client.chat.completions.create(model=MODEL, messages=user("many words"), stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            return await asyncio.gather(*(one() for _ in range(20)))

    texts = asyncio.run(run())
    assert len(set(texts)) == 1 and texts[0]


def test_tool_call_and_second_turn(side):
    messages = user("What is the weather in Paris?")
    headers = steer("tool-call=get_weather") if side.name == "sandbox" else {}
    answer = side.client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER], **headers)
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments)["city"], str)
    messages += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": '{"degrees": 21}'}]
    answer = side.client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content


def test_tool_call_streamed(side):
    headers = steer("tool-call=get_weather") if side.name == "sandbox" else {}
    chunks = list(side.client.chat.completions.create(
        model=MODEL, messages=user("What is the weather in Paris?"), tools=[WEATHER], stream=True, **headers))
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert deltas[0].id and deltas[0].function.name == "get_weather"
    assert isinstance(json.loads("".join(delta.function.arguments or "" for delta in deltas))["city"], str)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


class Person(BaseModel):
    name: str
    age: int


def test_json_schema(side):
    answer = side.client.chat.completions.parse(
        model=MODEL, messages=user("Make up a person."), response_format=Person)
    assert isinstance(answer.choices[0].message.parsed, Person)


def test_output_cap(sandbox):
    answer = sandbox.client.chat.completions.create(
        model=MODEL, messages=user("hello"), max_completion_tokens=5, **steer("output-tokens=50"))
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 5


def test_several_choices(sandbox):
    answer = sandbox.client.chat.completions.create(model=MODEL, messages=user("hello"), n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]


def test_a_name_of_our_own_and_a_named_provider(live):
    for model in ("our-model", "openai/gpt-5-mini", "limited/whatever"):
        answer = live.client.chat.completions.create(model=model, messages=user("hello"))
        assert answer.choices[0].message.content == "Hi there from aimock!"
