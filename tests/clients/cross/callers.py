"""The official libraries behind one small interface, so that a test can be asked of each of them.

A caller is one library with one protocol. `ask` takes turns in the library's own form (`user` and `results` make them) and gives
an `Answer`; streams go through the library's own accumulator where it has one. Nothing here knows the gateway's insides.
"""
import base64
import json
from dataclasses import dataclass, field

import anthropic
import openai
from google import genai
from google.genai import errors as google_errors
from google.genai import types

INSTRUCTION = "Answer in few words."


@dataclass
class Tool:
    name: str
    description: str
    parameters: dict


@dataclass
class Call:
    id: str
    name: str
    arguments: dict


@dataclass
class Answer:
    """What a caller got. `turn` is the library's own form of it, for the next request."""

    text: str = ""
    thinking: str = ""
    calls: list = field(default_factory=list)
    end: str = ""
    tokens: tuple = (0, 0)
    parsed: object = None
    pieces: int = 1
    turn: object = None


class Caller:
    """One library; `steer` goes along with every request of it."""

    def __init__(self, origin, key, steer=""):
        self.headers = {"x-tollgate-sim": steer} if steer else {}
        self.client = self.connect(origin, key)

    @staticmethod
    def status(error):
        return error.status_code

    @staticmethod
    def retry_after(error):
        return error.response.headers.get("retry-after")


class Chat(Caller):
    """OpenAI Chat through `openai`."""

    name = "openai-chat"
    native = "gpt-4o"
    error = openai.APIError
    shows_thinking = True

    def connect(self, origin, key):
        return openai.OpenAI(base_url=f"{origin}/v1", api_key=key, max_retries=0, default_headers=self.headers)

    def user(self, text, image=None):
        if image is None:
            return {"role": "user", "content": text}
        return {"role": "user", "content": [
            {"type": "text", "text": text},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(image).decode()}}]}

    def results(self, answer, value):
        said = answer.turn.model_dump(exclude_none=True, exclude={"parsed"})
        return [said] + [{"role": "tool", "tool_call_id": call.id, "content": json.dumps(value)} for call in answer.calls]

    def ask(self, model, turns, *, stream=False, tools=(), schema=None, think=False):
        more = {}
        if tools:
            more["tools"] = [{"type": "function", "function": vars(tool) | {"strict": True}} for tool in tools]
        if schema:
            more["response_format"] = schema
        if think:
            more["reasoning_effort"] = "low"
        messages = [{"role": "system", "content": INSTRUCTION}, *turns]
        pieces = 1
        if stream:
            with self.client.chat.completions.stream(
                    model=model, messages=messages, stream_options={"include_usage": True}, **more) as events:
                pieces = sum(event.type == "chunk" for event in events)
                done = events.get_final_completion()
        else:
            done = self.client.chat.completions.parse(model=model, messages=messages, **more)
        choice = done.choices[0]
        message = choice.message
        return Answer(
            text=message.content or "", thinking=getattr(message, "reasoning_content", None) or "",
            calls=[Call(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []],
            end={"stop": "stop", "length": "length", "tool_calls": "tools"}[choice.finish_reason],
            tokens=(done.usage.prompt_tokens, done.usage.completion_tokens),
            parsed=message.parsed, pieces=pieces, turn=message)

    def models(self):
        return [model.id for model in self.client.models.list()]


class Responses(Caller):
    """OpenAI Responses through `openai`, without stored state."""

    name = "openai-responses"
    native = "gpt-5-pro"
    error = openai.APIError
    shows_thinking = True
    connect = Chat.connect

    def user(self, text, image=None):
        content = [{"type": "input_text", "text": text}]
        if image is not None:
            content.append({"type": "input_image", "detail": "auto",
                            "image_url": "data:image/png;base64," + base64.b64encode(image).decode()})
        return {"role": "user", "content": content}

    def results(self, answer, value):
        said = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in answer.turn]
        return said + [{"type": "function_call_output", "call_id": call.id, "output": json.dumps(value)} for call in answer.calls]

    def ask(self, model, turns, *, stream=False, tools=(), schema=None, think=False):
        more = {}
        if tools:
            more["tools"] = [{"type": "function", "strict": True, **vars(tool)} for tool in tools]
        if schema:
            more["text_format"] = schema
        if think:
            more["reasoning"] = {"effort": "low", "summary": "auto"}
        asked = dict(model=model, input=turns, instructions=INSTRUCTION, store=False,
                     include=["reasoning.encrypted_content"], **more)
        pieces = 1
        if stream:
            with self.client.responses.stream(**asked) as events:
                pieces = sum(event.type.endswith(".delta") for event in events)
                done = events.get_final_response()
        else:
            done = self.client.responses.parse(**asked)
        calls = [Call(item.call_id, item.name, json.loads(item.arguments)) for item in done.output if item.type == "function_call"]
        cut = done.incomplete_details and done.incomplete_details.reason
        return Answer(
            text=done.output_text, calls=calls, parsed=done.output_parsed, pieces=pieces, turn=done.output,
            thinking="".join(part.text for item in done.output if item.type == "reasoning" for part in item.summary),
            end={"max_output_tokens": "length"}[cut] if cut else "tools" if calls else "stop",
            tokens=(done.usage.input_tokens, done.usage.output_tokens))

    def count(self, model, turns):
        return self.client.responses.input_tokens.count(model=model, input=turns).input_tokens

    models = Chat.models


class Messages(Caller):
    """Anthropic Messages through `anthropic`."""

    name = "anthropic"
    native = "claude-haiku-4-5"
    error = anthropic.APIError
    shows_thinking = True

    def connect(self, origin, key):
        return anthropic.Anthropic(base_url=origin, api_key=key, max_retries=0, default_headers=self.headers)

    def user(self, text, image=None):
        content = [{"type": "text", "text": text}]
        if image is not None:
            content.insert(0, {"type": "image", "source": {
                "type": "base64", "media_type": "image/png", "data": base64.b64encode(image).decode()}})
        return {"role": "user", "content": content}

    def results(self, answer, value):
        back = [{"type": "tool_result", "tool_use_id": call.id, "content": json.dumps(value)} for call in answer.calls]
        return [{"role": "assistant", "content": answer.turn}, {"role": "user", "content": back}]

    def ask(self, model, turns, *, stream=False, tools=(), schema=None, think=False):
        more = {}
        if tools:
            more["tools"] = [{"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in tools]
        if schema:
            more["output_format"] = schema
        if think:
            more["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        asked = dict(model=model, messages=turns, system=INSTRUCTION, max_tokens=3000, **more)
        pieces = 1
        if stream:
            with self.client.messages.stream(**asked) as events:
                pieces = sum(event.type == "content_block_delta" for event in events)
                done = events.get_final_message()
        else:
            done = self.client.messages.parse(**asked)
        kinds = {kind: [block for block in done.content if block.type == kind] for kind in ("text", "thinking", "tool_use")}
        return Answer(
            text="".join(block.text for block in kinds["text"]),
            thinking="".join(block.thinking for block in kinds["thinking"]),
            calls=[Call(block.id, block.name, block.input) for block in kinds["tool_use"]],
            end={"end_turn": "stop", "max_tokens": "length", "tool_use": "tools"}[done.stop_reason],
            tokens=(done.usage.input_tokens, done.usage.output_tokens),
            parsed=done.parsed_output if schema else None, pieces=pieces, turn=done.content)

    def count(self, model, turns):
        return self.client.messages.count_tokens(model=model, messages=turns).input_tokens

    def models(self):
        return [model.id for model in self.client.models.list()]


class Google(Caller):
    """Gemini through `google-genai`."""

    name = "google-genai"
    native = "gemini-2.5-flash"
    # A stream that ends in an error may be told as such, or as bytes that are no answer.
    error = google_errors.APIError
    shows_thinking = True

    def connect(self, origin, key):
        options = types.HttpOptions(base_url=origin, headers=self.headers or None)
        return genai.Client(api_key=key, vertexai=False, http_options=options)

    @staticmethod
    def status(error):
        return error.code

    def user(self, text, image=None):
        parts = [types.Part.from_text(text=text)]
        if image is not None:
            parts.append(types.Part.from_bytes(data=image, mime_type="image/png"))
        return types.Content(role="user", parts=parts)

    def results(self, answer, value):
        back = [types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response=value))
                for call in answer.calls]
        return [answer.turn, types.Content(role="user", parts=back)]

    def ask(self, model, turns, *, stream=False, tools=(), schema=None, think=False):
        config = types.GenerateContentConfig(system_instruction=INSTRUCTION)
        if tools:
            config.tools = [types.Tool(function_declarations=[
                types.FunctionDeclaration(name=tool.name, description=tool.description, parameters_json_schema=tool.parameters)
                for tool in tools])]
        if schema:
            config.response_mime_type, config.response_schema = "application/json", schema
        if think:
            config.thinking_config = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
        parts, usage, end, parsed, pieces = [], None, None, None, 0
        if stream:
            answers = self.client.models.generate_content_stream(model=model, contents=turns, config=config)
        else:
            answers = [self.client.models.generate_content(model=model, contents=turns, config=config)]
        for each in answers:
            pieces += 1
            candidate = each.candidates[0]
            parts += (candidate.content and candidate.content.parts) or []
            usage, end, parsed = each.usage_metadata or usage, candidate.finish_reason or end, each.parsed
        calls = [Call(part.function_call.id, part.function_call.name, part.function_call.args)
                 for part in parts if part.function_call]
        text = "".join(part.text or "" for part in parts if not part.thought)
        if schema and stream:
            parsed = schema.model_validate_json(text)
        return Answer(
            text=text, thinking="".join(part.text or "" for part in parts if part.thought), calls=calls,
            end="tools" if calls else {"STOP": "stop", "MAX_TOKENS": "length"}[end.value],
            tokens=(usage.prompt_token_count, usage.candidates_token_count + (usage.thoughts_token_count or 0)),
            parsed=parsed, pieces=pieces, turn=types.Content(role="model", parts=parts))

    def count(self, model, turns):
        return self.client.models.count_tokens(model=model, contents=turns).total_tokens

    def models(self):
        return [model.name.removeprefix("models/") for model in self.client.models.list()]


OFFICIAL = [Chat, Responses, Messages, Google]
