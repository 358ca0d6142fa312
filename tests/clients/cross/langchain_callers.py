"""LangChain's chat models behind the same interface as the official libraries."""
import base64
import functools
import json

import anthropic
import openai
from google.genai import errors as google_errors
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_google_genai.chat_models import ChatGoogleGenerativeAIError
from langchain_openai import ChatOpenAI

from callers import INSTRUCTION, Answer, Call, Caller


class LangChain(Caller):
    """What its models have in common is everything but how they are made."""

    def connect(self, origin, key):
        return functools.cache(lambda model, think: self.make(origin, key, model, think))

    def user(self, text, image=None):
        parts = [{"type": "text", "text": text}]
        if image is not None:
            parts.append({"type": "image", "base64": base64.b64encode(image).decode(), "mime_type": "image/png"})
        return HumanMessage(parts)

    def results(self, answer, value):
        return [answer.turn, *(ToolMessage(json.dumps(value), tool_call_id=call.id, name=call.name) for call in answer.calls)]

    def ask(self, model, turns, *, stream=False, tools=(), schema=None, think=False):
        chat = self.client(model, think)
        turns = [SystemMessage(INSTRUCTION), *turns]
        if schema:
            parsed = chat.with_structured_output(schema, method="json_schema").invoke(turns)
            return Answer(parsed=parsed)
        if tools:
            chat = chat.bind_tools([{"type": "function", "function": vars(tool)} for tool in tools])
        pieces, said = 1, None
        if stream:
            pieces = 0
            for chunk in chat.stream(turns):
                pieces += 1
                said = chunk if said is None else said + chunk
        else:
            said = chat.invoke(turns)
        usage = said.usage_metadata
        blocks = said.content_blocks
        return Answer(
            text="".join(block["text"] for block in blocks if block["type"] == "text"),
            thinking="".join(block.get("reasoning", "") for block in blocks if block["type"] == "reasoning"),
            calls=[Call(call["id"], call["name"], call["args"]) for call in said.tool_calls],
            end="tools" if said.tool_calls else "stop", pieces=pieces, turn=said,
            tokens=(usage["input_tokens"], usage["output_tokens"]))


class LangChat(LangChain):
    name = "langchain-openai"
    native = "gpt-4o"
    error = openai.APIError
    responses = False

    def make(self, origin, key, model, think):
        return ChatOpenAI(model=model, base_url=f"{origin}/v1", api_key=key, max_retries=0, default_headers=self.headers,
                          use_responses_api=self.responses, stream_usage=True, **self.thinking(think))

    def thinking(self, think):
        return {"reasoning_effort": "low"} if think else {}


class LangResponses(LangChat):
    name = "langchain-responses"
    native = "gpt-5-pro"
    responses = True

    def thinking(self, think):
        more = {"store": False, "include": ["reasoning.encrypted_content"], "output_version": "responses/v1"}
        return more | ({"reasoning": {"effort": "low", "summary": "auto"}} if think else {})


class LangMessages(LangChain):
    name = "langchain-anthropic"
    native = "claude-haiku-4-5"
    error = anthropic.APIError

    def make(self, origin, key, model, think):
        thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}} if think else {}
        return ChatAnthropic(model=model, base_url=origin, api_key=key, max_retries=0, max_tokens=3000,
                             default_headers=self.headers, **thinking)


class LangGoogle(LangChain):
    name = "langchain-google"
    native = "gemini-2.5-flash"
    error = (google_errors.APIError, ChatGoogleGenerativeAIError)

    @staticmethod
    def status(error):
        return error.code if isinstance(error, google_errors.APIError) else error.__cause__.code

    def make(self, origin, key, model, think):
        thinking = {"include_thoughts": True, "thinking_budget": 1024} if think else {}
        return ChatGoogleGenerativeAI(model=model, base_url=origin, api_key=key, max_retries=1, vertexai=False,
                                      additional_headers=self.headers, **thinking)


LANGCHAIN = [LangChat, LangResponses, LangMessages, LangGoogle]
