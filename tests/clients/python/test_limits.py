"""Budgets and limits as the library of the vendor sees them: its own exceptions, its own retries."""
from decimal import Decimal
import json
import threading
import time
import urllib.request

import openai
import pytest

from conftest import Side, steer, user

MODEL = "gpt-5-mini"


def side(gateway, **limits):
    """A sandbox side with a key of its own."""
    key = gateway.key(mode="test", **limits)
    return Side("limited", gateway.url, key, openai.OpenAI(base_url=gateway.url, api_key=key, max_retries=0))


def budget(usd, **more):
    return {"limit_usd": usd, "window": "day", **more}


def ask(client, **more):
    return client.chat.completions.create(**{"model": MODEL, "messages": user("hello"), "max_tokens": 50, **more})


def own(of):
    request = urllib.request.Request(f"{of.url}/key", headers={"Authorization": f"Bearer {of.key}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_a_used_up_budget_is_not_retried(gateway):
    of = side(gateway, budget=budget("0.0005"))
    spent = Decimal(0)
    for _ in range(20):
        try:
            raw = of.client.chat.completions.with_raw_response.create(
                model=MODEL, messages=user("hello"), max_tokens=50, **steer("output-tokens=50"))
        except openai.APIStatusError:
            break
        spent += Decimal(raw.headers["x-tollgate-cost-usd"])
        assert raw.parse().usage.completion_tokens == 50
    assert spent > 0
    counted = of.counted(max_retries=3)
    for more in ({}, {"stream": True}):
        with pytest.raises(openai.APIStatusError) as caught:
            ask(counted.client, **more)
        error = caught.value
        assert (error.status_code, error.code) == (402, "budget_exceeded")
        assert error.request_id.startswith("req_") and "budget" in error.message
    assert len(counted.sent) == 2
    held = own(of)["budget"]
    assert Decimal(held["spent_usd"]) == spent and Decimal(held["held_usd"]) == 0


def test_a_stream_that_the_budget_ends_raises(gateway):
    of = side(gateway, budget=budget("0.0008"))
    seen = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in of.client.chat.completions.create(
                model="gpt-4o-mini", messages=user("hello"), stream=True, **steer("output-tokens=5000")):
            seen.append(chunk)
    assert caught.value.code == "budget_exceeded"
    assert len(seen) > 100 and all(chunk.choices[0].finish_reason is None for chunk in seen)
    # 256 tokens at 0.60 dollars a million are the most by which it may be passed.
    assert Decimal(own(of)["budget"]["spent_usd"]) <= Decimal("0.0008") + 256 * Decimal("0.0000006")


def test_a_model_without_a_price_is_forbidden(gateway):
    of = side(gateway, budget=budget("5"))
    with pytest.raises(openai.PermissionDeniedError) as caught:
        of.client.chat.completions.create(model="kling-v2-6", messages=user("hello"))
    assert caught.value.code == "model_unpriced"


def test_requests_a_minute(gateway):
    of = side(gateway, limits={"requests_per_minute": 2})
    raw = of.client.chat.completions.with_raw_response.create(model=MODEL, messages=user("hello"))
    assert (raw.headers["x-ratelimit-limit-requests"], raw.headers["x-ratelimit-remaining-requests"]) == ("2", "1")
    ask(of.client)
    with pytest.raises(openai.RateLimitError) as caught:
        ask(of.client)
    assert caught.value.code == "rate_limit_exceeded"
    # The library waits as long as it is told, up to a minute.
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60


def test_the_library_waits_and_gets_in(gateway):
    of = side(gateway, limits={"concurrency": 1})
    stream = ask(of.client, stream=True, max_tokens=1000, **steer("output-tokens=1000;chunks=200;chunk-ms=20"))
    next(iter(stream))
    with pytest.raises(openai.RateLimitError) as caught:
        ask(of.client)
    assert caught.value.response.headers["retry-after"] == "1"
    threading.Timer(0.5, stream.close).start()
    counted = of.counted(max_retries=2)
    assert ask(counted.client).choices
    assert len(counted.sent) == 2 and counted.sent[1] - counted.sent[0] >= 1


def test_soft_budgets_let_the_last_one_finish(gateway):
    of = side(gateway, budget=budget("0.0001", mode="soft"))
    assert ask(of.client, max_tokens=500, **steer("output-tokens=500")).usage.completion_tokens == 500
    with pytest.raises(openai.APIStatusError) as caught:
        ask(of.client)
    assert caught.value.code == "budget_exceeded"


def test_what_is_given_back_can_be_spent_again(gateway):
    of = side(gateway, budget=budget("0.0012"))
    big = {"max_tokens": 500, **steer("output-tokens=500")}
    raw = of.client.chat.completions.with_raw_response.create(model=MODEL, messages=user("hello"), **big)
    with pytest.raises(openai.APIStatusError):
        ask(of.client, **big)
    made = gateway.admin("POST", "/ledger/refunds",
                         {"request_id": raw.headers["x-request-id"], "cause": "goodwill"})
    assert Decimal(made["amount_usd"]) == -Decimal(raw.headers["x-tollgate-cost-usd"])
    begin = time.monotonic()
    assert ask(of.client, **big).choices
    assert time.monotonic() - begin < 5
