"""pydantic-ai's agents, which run the tool loop themselves."""
import asyncio

import pytest
from pydantic_ai import Agent, ModelHTTPError, NativeOutput
from pydantic_ai.exceptions import ModelAPIError, UserError
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

import callers
from test_official import Person

VENDORS = ("openai-responses", "anthropic", "gemini", "deepseek")


class Framework(callers.Caller):
    """Gives models on top of the official library's client, so that what steers the sandbox goes along."""

    def agent(self, model, **more):
        return Agent(self.model(model, provider=self.provider(**self.official())), system_prompt=callers.INSTRUCTION,
                     retries=0, **more)

    def connect(self, origin, key):
        self.origin, self.key = origin, key

    def official(self):
        return {self.argument: self.client_class(
            base_url=self.origin + self.path, api_key=self.key, max_retries=0, default_headers=self.headers)}


class Chat(Framework):
    name, native, path = "pydantic-chat", "gpt-4o", "/v1"
    model, provider, argument, client_class = OpenAIChatModel, OpenAIProvider, "openai_client", callers.openai.AsyncOpenAI


class Responses(Chat):
    name, native, model = "pydantic-responses", "gpt-5-pro", OpenAIResponsesModel


class Messages(Framework):
    name, native, path = "pydantic-anthropic", "claude-haiku-4-5", ""
    model, provider, argument = AnthropicModel, AnthropicProvider, "anthropic_client"
    client_class = callers.anthropic.AsyncAnthropic


class Google(Framework):
    name, native = "pydantic-google", "gemini-2.5-flash"
    model, provider = GoogleModel, GoogleProvider

    def official(self):
        return {"client": callers.Google.connect(self, self.origin, self.key)}


CALLERS = [Chat, Responses, Messages, Google]


def weather(city: str, unit: str) -> dict:
    """Current weather."""
    return {"degrees": 21, "city": city, "unit": unit}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_an_agent_with_a_tool(way, stream):
    agent = way.caller("tool-call=weather;tool-calls=2;tool-rounds=2;reasoning-tokens=20;output-tokens=30").agent(way.model, tools=[weather])

    async def run():
        if not stream:
            return (await agent.run("What is the weather?")).all_messages()
        async with agent.run_stream("What is the weather?") as answer:
            assert len([piece async for piece in answer.stream_text(delta=True, debounce_by=None)]) > 3
            return answer.all_messages()

    parts = [part for message in asyncio.run(run()) for part in message.parts]
    assert sum(part.part_kind == "tool-call" for part in parts) == 4
    assert sum(part.part_kind == "tool-return" for part in parts) == 4
    # A proof of Google's comes after the words that it proves.
    assert any(part.part_kind == "text" and part.content for part in parts[-2:])


def test_an_agent_with_a_form(way):
    if way.vendor == "deepseek":
        pytest.skip("DeepSeek writes JSON, and knows of no schema")
    caller = way.caller(steer="")
    try:
        agent = caller.agent(way.model, output_type=NativeOutput(Person))
        assert isinstance(agent.run_sync("Make up a person.").output, Person)
    except UserError as error:
        pytest.skip(f"the framework knows no such ability of this model's name: {error}")


def test_errors(way):
    with pytest.raises(ModelHTTPError) as caught:
        way.caller(key="sk-tg-live-" + "0" * 49).agent(way.model).run_sync("Hello")
    assert caught.value.status_code == 401

    async def broken():
        async with way.caller("chunks=20;chunk-ms=1;cut-after=5").agent(way.model).run_stream("Hello") as answer:
            async for _ in answer.stream_text(delta=True, debounce_by=None):
                pass

    with pytest.raises((ModelAPIError, callers.openai.APIError, callers.anthropic.APIError, callers.google_errors.APIError)):
        asyncio.run(broken())
