"""Recorded answers of real vendors: a server that gives them back, and what each official library reads in one.

An answer is asked for by the header `x-case`. What it says is what the vendor's own library reads when it asks that server
directly; nothing here knows the wire formats.
"""
import http.server
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

import anthropic
import openai
from google import genai
from google.genai import errors, types

import harness

FIXTURES = harness.ROOT.parent / "shared" / "fixtures"
# Framing is the server's own; a rest would hide the next case.
DROPPED = {"content-length", "transfer-encoding", "content-encoding", "connection", "retry-after", "retry-after-ms"}


@dataclass
class Case:
    """One recorded answer."""

    id: str
    provider: str
    protocol: str
    stream: bool
    tags: set
    headers: dict
    body: bytes


def cases(protocol):
    """The good answers of a protocol that its library can ask for: whole ones as JSON, streams as events."""
    found = []
    for line in (FIXTURES / "index.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["protocol"] != protocol or row["status"] != 200 or not row["endpoint"].startswith("POST "):
            continue
        answer = json.loads((FIXTURES / row["file"]).read_text())["response"]
        stream = "sse" in answer
        if not stream and not isinstance(answer.get("body"), dict):
            continue
        body = answer["sse"] if stream else json.dumps(answer["body"])
        headers = {name: value for name, value in (answer.get("headers") or {}).items() if name.lower() not in DROPPED}
        headers.setdefault("content-type", "text/event-stream" if stream else "application/json")
        found.append(Case(row["id"], row["provider"], protocol, stream, set(row["tags"]), headers, body.encode()))
    return found


class Replay(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one piece.
    wbufsize = 1 << 20
    known = {}

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        case = self.known[self.headers["x-case"]]
        self.send_response(200)
        for name, value in case.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(case.body)))
        self.end_headers()
        self.wfile.write(case.body)

    def log_message(self, *_):
        pass


@contextmanager
def server(known):
    """The URL of a server that gives these cases back."""
    handler = type("Replay", (Replay,), {"known": known})
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()


@dataclass
class Said:
    """What an answer says. Tokens are all that went in and all that came out, None where nobody counted."""

    text: str = ""
    thinking: str = ""
    calls: list = field(default_factory=list)
    end: str = ""
    tokens: tuple | None = None
    refused: bool = False


def loaded(arguments):
    """Arguments as a value; as they are if they are no JSON."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


class Reader:
    """One library; `read` asks for a case and gives what it says."""

    def __init__(self, origin, key):
        self.client = self.connect(origin, key)


class Chat(Reader):
    name = "openai-chat"
    error = openai.APIError

    def connect(self, origin, key):
        return openai.OpenAI(base_url=f"{origin}/v1", api_key=key, max_retries=0, timeout=20)

    def read(self, model, case):
        ask = dict(model=model, messages=[{"role": "user", "content": "Hello"}], extra_headers={"x-case": case.id})
        if not case.stream:
            done = self.client.chat.completions.create(**ask)
            message = done.choices[0].message
            return self.said([message], done.choices[0].finish_reason, done.usage)
        deltas, end, usage = [], None, None
        for chunk in self.client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **ask):
            usage = chunk.usage or usage
            for choice in chunk.choices[:1]:
                deltas.append(choice.delta)
                end = choice.finish_reason or end
        return self.said(deltas, end, usage)

    def said(self, parts, end, usage):
        said, calls, names, free = Said(end=end), {}, {}, set()
        for part in parts:
            self.content(said, part.content)
            said.text += part.refusal or ""
            said.refused |= bool(part.refusal)
            said.thinking += getattr(part, "reasoning_content", None) or getattr(part, "reasoning", None) or ""
            if part.function_call:
                part.tool_calls = [type("Call", (), {"index": 0, "function": part.function_call})]
            for call in part.tool_calls or []:
                index = getattr(call, "index", None)
                index = len(calls) if index is None else index
                made = getattr(call, "function", None) or call.custom
                made = made if isinstance(made, dict) else vars(made)
                names[index] = names.get(index) or made["name"]
                calls[index] = calls.get(index, "") + (made.get("arguments") or made.get("input") or "")
                if "input" in made:
                    free.add(index)
        said.calls = [(names[index], {"input": text} if index in free else loaded(text)) for index, text in calls.items()]
        if usage:
            said.tokens = usage.prompt_tokens, usage.completion_tokens
            # Some vendors leave reasoning or sound out of the parts, and have it in the sum.
            if usage.total_tokens and sum(said.tokens) != usage.total_tokens:
                said.tokens = (usage.total_tokens,)
        return said

    def content(self, said, content):
        """Mistral's content is a list where there are thoughts."""
        for part in content if isinstance(content, list) else [{"text": content}]:
            part = part if isinstance(part, dict) else part.model_dump()
            if part.get("type") == "thinking":
                said.thinking += "".join(each.get("text") or "" for each in part["thinking"])
            else:
                said.text += part.get("text") or ""


class Responses(Reader):
    name = "openai-responses"
    error = openai.APIError
    connect = Chat.connect

    def read(self, model, case):
        ask = dict(model=model, input="Hello", store=False, extra_headers={"x-case": case.id})
        if case.stream:
            done = None
            for event in self.client.responses.create(stream=True, **ask):
                if event.type in ("response.completed", "response.incomplete", "response.failed"):
                    done = event.response
        else:
            done = self.client.responses.create(**ask)
        parts = [part for item in done.output if item.type == "message" for part in item.content]
        calls = [(item.name, loaded(item.arguments) if item.type == "function_call" else {"input": item.input})
                 for item in done.output if item.type in ("function_call", "custom_tool_call")]
        cut, usage = done.incomplete_details and done.incomplete_details.reason, done.usage
        thinking = [part.text for item in done.output if item.type == "reasoning"
                    for part in [*item.summary, *(item.content or [])]]
        return Said(
            text="".join(part.text if part.type == "output_text" else part.refusal for part in parts), calls=calls,
            refused=any(part.type == "refusal" for part in parts), thinking="".join(thinking), end=cut or done.status, tokens=usage and (usage.input_tokens, usage.output_tokens))


class Messages(Reader):
    name = "anthropic-messages"
    error = anthropic.APIError

    def connect(self, origin, key):
        return anthropic.Anthropic(base_url=origin, api_key=key, max_retries=0, timeout=20)

    def read(self, model, case):
        ask = dict(model=model, messages=[{"role": "user", "content": "Hello"}], max_tokens=1000, extra_headers={"x-case": case.id})
        goes = None
        if case.stream:
            with self.client.messages.stream(**ask) as stream:
                for event in stream:
                    # What the library gathers does not have them.
                    if event.type == "message_delta":
                        goes = getattr(event.usage, "iterations", None)
                done = stream.get_final_message()
        else:
            done = self.client.messages.create(**ask)
        usage = done.usage
        # An answer in several goes is billed for each of them.
        goes = goes or getattr(usage, "iterations", None) or [usage]
        goes = [go if isinstance(go, dict) else go.model_dump() for go in goes]
        into = sum(go.get(name) or 0 for go in goes for name in
                   ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"))
        blocks = done.content
        return Said(
            text="".join(block.text for block in blocks if block.type == "text"),
            thinking="".join(block.thinking for block in blocks if block.type == "thinking"),
            calls=[(block.name, block.input) for block in blocks if block.type == "tool_use"],
            end=done.stop_reason, tokens=(into, sum(go["output_tokens"] for go in goes)))


class Google(Reader):
    name = "gemini-generate"
    error = errors.APIError

    def connect(self, origin, key):
        return genai.Client(api_key=key, vertexai=False, http_options=types.HttpOptions(base_url=origin, timeout=20_000))

    def read(self, model, case):
        config = types.GenerateContentConfig(http_options=types.HttpOptions(headers={"x-case": case.id}))
        ask = dict(model=model, contents="Hello", config=config)
        if case.stream:
            answers = self.client.models.generate_content_stream(**ask)
        else:
            answers = [self.client.models.generate_content(**ask)]
        said, counts = Said(), {}
        for each in answers:
            if each.prompt_feedback and each.prompt_feedback.block_reason:
                said.end = each.prompt_feedback.block_reason.value
            for candidate in (each.candidates or [])[:1]:
                said.end = candidate.finish_reason.value if candidate.finish_reason else said.end
                for part in (candidate.content and candidate.content.parts) or []:
                    if part.function_call:
                        said.calls.append((part.function_call.name, part.function_call.args or {}))
                    elif part.thought:
                        said.thinking += part.text or ""
                    else:
                        said.text += part.text or ""
            # Each number stays until it is told anew.
            for name, count in (each.usage_metadata.model_dump() if each.usage_metadata else {}).items():
                if isinstance(count, int):
                    counts[name] = count
        if counts:
            into, out = ("prompt", "tool_use_prompt"), ("candidates", "thoughts")
            said.tokens = tuple(sum(counts.get(f"{name}_token_count", 0) for name in names) for names in (into, out))
        return said


READERS = {reader.name: reader for reader in (Chat, Responses, Messages, Google)}
