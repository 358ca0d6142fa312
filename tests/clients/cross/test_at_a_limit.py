"""Budgets and limits in each protocol, as its official library tells them: its own exceptions, its own retries.

What they are in depth is asked of OpenAI's library in ../python/test_limits.py.
"""
import json
import threading
import time

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from callers import OFFICIAL, Chat, Google, Messages

# What a library makes of a used up budget; OpenAI's and Google's have no class for the status.
BROKE = {"openai-chat": openai.APIStatusError, "openai-responses": openai.APIStatusError,
         "anthropic": anthropic.PaymentRequiredError, "google-genai": genai.errors.ClientError}


def told(caller, error):
    """Our code and message, out of what the library keeps of the answer."""
    if isinstance(caller, Google):
        inner = error.details["error"]
        (reason,) = [each["reason"] for each in inner["details"] if "reason" in each]
        return reason, inner["message"]
    inner = error.body["error"] if isinstance(caller, Messages) else error.body
    return inner["code"], inner["message"]


def patient(caller, attempts):
    """The same with the library's own retries."""
    if isinstance(caller, Google):
        options = types.HttpOptions(base_url=caller.client._api_client._http_options.base_url, headers=caller.headers,
                                    retry_options=types.HttpRetryOptions(attempts=attempts, initial_delay=1, jitter=0))
        caller.client = genai.Client(api_key=caller.client._api_client.api_key, vertexai=False, http_options=options)
    else:
        caller.client = caller.client.with_options(max_retries=attempts - 1)
    return caller


def served(gateway, key_id):
    """Statuses of what a key has asked for, by the gateway's own log, which is written a moment later."""
    time.sleep(0.3)
    lines = [line for line in gateway.log.read_text().splitlines() if f'"key_id":"{key_id}"' in line and '"status"' in line]
    return [json.loads(line)["status"] for line in lines]


@pytest.fixture(params=OFFICIAL, ids=lambda caller: caller.name)
def kind(request):
    return request.param


def connect(gateway, kind, steer="", **limits):
    made = gateway.admin("POST", "/keys", {"name": "at a limit", "mode": "test", **limits})
    caller = kind(gateway.origin, made["key"], steer)
    caller.served = lambda: served(gateway, made["id"])
    return caller


def ask(caller, **more):
    return caller.ask(caller.native, [caller.user("Hello")], **more)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_used_up_budget(gateway, kind, stream):
    caller = patient(connect(gateway, kind, budget={"limit_usd": "0.0000001", "window": "day"}), 3)
    with pytest.raises(BROKE[kind.name]) as caught:
        ask(caller, stream=stream)
    code, message = told(caller, caught.value)
    assert (caller.status(caught.value), code) == (402, "budget_exceeded")
    assert "budget" in message
    # Money does not come back by waiting.
    assert caller.served() == [402]


def test_a_stream_that_the_budget_ends_raises(gateway, kind):
    if kind is Messages:
        pytest.skip("Anthropic's requests have a cap, and are refused before they begin")
    # Its price is known, and it has no reasoning that would be held for: some hundred words are let through.
    caller = connect(gateway, kind, "output-tokens=5000", budget={"limit_usd": "0.012", "window": "day"})
    with pytest.raises(caller.error) as caught:
        caller.ask("gpt-4o", [caller.user("Hello")], stream=True)
    assert "budget" in str(caught.value)
    # The answer had begun.
    assert caller.served() == [200]


def test_requests_a_minute(gateway, kind):
    caller = connect(gateway, kind, limits={"requests_per_minute": 1})
    ask(caller)
    with pytest.raises(caller.error) as caught:
        ask(caller)
    code, message = told(caller, caught.value)
    assert (caller.status(caught.value), code) == (429, "rate_limit_exceeded") and "1 requests a minute" in message
    headers = caught.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 60
    name = "anthropic-ratelimit-requests-{}" if kind is Messages else "x-ratelimit-{}-requests"
    assert (headers[name.format("limit")], headers[name.format("remaining")]) == ("1", "0")
    assert headers[name.format("reset")]


def test_the_library_waits_and_gets_in(gateway, kind):
    caller = patient(connect(gateway, kind, limits={"concurrency": 1}), 3)
    # Somebody else with the same key, for less than the second that the library is told to wait.
    key = caller.client.api_key if not isinstance(caller, Google) else caller.client._api_client.api_key
    other = Chat(gateway.origin, key, "chunks=200;chunk-ms=20").client
    stream = other.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}], stream=True)
    next(iter(stream))
    threading.Timer(0.4, stream.close).start()
    begin = time.monotonic()
    assert ask(caller).text
    assert time.monotonic() - begin >= 1
    assert sorted(caller.served()) in ([200, 200, 429], [200, 429])


def test_the_same_request_twice_is_served_once(gateway, kind):
    caller = connect(gateway, kind, "output-tokens=30", budget={"limit_usd": "5", "window": "day"})
    asked = {"extra_headers": {"Idempotency-Key": f"at-a-limit-{kind.name}"}}
    answers = []
    for _ in range(2):
        if kind is Google:
            config = types.GenerateContentConfig(http_options=types.HttpOptions(headers=asked["extra_headers"]))
            answer = caller.client.models.generate_content(model=caller.native, contents="Hello", config=config)
            answers.append((answer.sdk_http_response.headers, answer.response_id))
            continue
        if kind is Messages:
            raw = caller.client.messages.with_raw_response.create(
                model=caller.native, max_tokens=100, messages=[{"role": "user", "content": "Hello"}], **asked)
        elif kind is Chat:
            raw = caller.client.chat.completions.with_raw_response.create(
                model=caller.native, messages=[{"role": "user", "content": "Hello"}], **asked)
        else:
            raw = caller.client.responses.with_raw_response.create(model=caller.native, input="Hello", **asked)
        answers.append((raw.headers, raw.parse().id))
    (first, one), (again, two) = answers
    assert one == two
    assert first["x-request-id"] == again["x-request-id"]
    assert (first.get("x-tollgate-replayed"), again.get("x-tollgate-replayed")) == (None, "true")
