"""What goes wrong reaches the caller as the library's own exception, and a broken stream never ends well."""
import time

import openai
import pytest

from conftest import steer, user

MODEL = "gpt-5-mini"


def ask(client, text="hello", **more):
    return client.chat.completions.create(**{"model": MODEL, "messages": user(text), **more})


def checked(caught, status, code):
    error = caught.value
    assert (error.status_code, error.code) == (status, code)
    assert error.request_id.startswith("req_")
    assert error.message
    return error


@pytest.mark.parametrize("key", ["sk-tg-live-" + "0" * 49, "something-else"])
def test_wrong_key(gateway, key):
    client = openai.OpenAI(base_url=gateway.url, api_key=key, max_retries=0)
    for call in (lambda: ask(client), lambda: ask(client, stream=True), client.models.list):
        with pytest.raises(openai.AuthenticationError) as caught:
            call()
        checked(caught, 401, "invalid_api_key")


def test_revoked_key(gateway):
    made = gateway.admin("POST", "/keys", {"name": "short", "mode": "test"})
    client = openai.OpenAI(base_url=gateway.url, api_key=made["key"], max_retries=0)
    ask(client)
    gateway.admin("DELETE", f"/keys/{made['id']}")
    with pytest.raises(openai.AuthenticationError) as caught:
        ask(client)
    checked(caught, 401, "invalid_api_key")


def test_unknown_model(live):
    for more in ({}, {"stream": True}):
        with pytest.raises(openai.NotFoundError) as caught:
            ask(live.client, model="no-such-model", **more)
        assert checked(caught, 404, "model_not_found").param == "model"


def test_unknown_route(side):
    with pytest.raises(openai.NotFoundError) as caught:
        side.client.get("/no-such-route", cast_to=object)
    checked(caught, 404, "unknown_route")


@pytest.mark.parametrize("wrong, param", [
    ({"model": ""}, "model"),
    ({"messages": None}, "messages"),
    ({"extra_body": {"stream": "yes"}}, "stream"),
    ({"extra_body": {"max_tokens": "many"}}, "max_tokens"),
])
def test_bad_request(side, wrong, param):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(side.client, **wrong)
    error = caught.value
    assert error.param == param
    assert error.request_id.startswith("req_")


def test_the_sandbox_refuses_what_the_vendor_refuses(sandbox):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(sandbox.client, temperature=9)
    assert caught.value.param == "temperature"
    assert caught.value.request_id.startswith("req_")


def test_bad_steering_is_named(sandbox):
    with pytest.raises(openai.BadRequestError, match="wobble"):
        ask(sandbox.client, **steer("wobble=1"))


def test_rate_limit_is_retried_when_told(sandbox):
    counted = sandbox.counted(max_retries=2)
    with pytest.raises(openai.RateLimitError) as caught:
        ask(counted.client, **steer("status=429;retry-after=1"))
    assert caught.value.response.headers["retry-after"] == "1"
    assert len(counted.sent) == 3
    assert all(later - sooner >= 1 for sooner, later in zip(counted.sent, counted.sent[1:]))


def test_rate_limit_of_a_provider_passes(live):
    counted = live.counted(max_retries=2)
    answer = ask(counted.client, "busy at first", model="limited/gpt-5-mini")
    assert answer.choices[0].message.content == "Now it works."
    assert len(counted.sent) == 2
    assert counted.sent[1] - counted.sent[0] >= 1


def test_rate_limit_that_stays(live):
    counted = live.counted(max_retries=1)
    with pytest.raises(openai.RateLimitError) as caught:
        ask(counted.client, "always busy", model="limited/gpt-5-mini")
    assert int(caught.value.response.headers["retry-after"]) >= 1
    assert len(counted.sent) == 2
    # The account is at rest: until its time has come the gateway answers by itself.
    with pytest.raises(openai.RateLimitError) as caught:
        ask(live.client, "hello", model="limited/gpt-5-mini")
    error = checked(caught, 429, "upstream_rate_limited")
    assert error.response.headers["x-tollgate-attempts"] == "0"
    time.sleep(1.5)
    ask(live.client, "hello", model="limited/gpt-5-mini")


@pytest.mark.parametrize("status", [500, 502, 503])
def test_server_errors(sandbox, status):
    with pytest.raises(openai.InternalServerError) as caught:
        ask(sandbox.client, **steer(f"status={status}"))
    assert caught.value.code.startswith("upstream_")


def test_a_vendor_s_refusal_passes(live):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(live.client, "not allowed")
    error = checked(caught, 400, "content_policy_violation")
    assert "That is not allowed." in error.message


def test_a_locked_account_is_the_operator_s_matter(live):
    counted = live.counted(max_retries=2)
    with pytest.raises(openai.InternalServerError) as caught:
        ask(counted.client, "locked account", model="hasty/gpt-5-mini")
    error = checked(caught, 502, "upstream_account_error")
    assert "sk-abcd" not in str(error.body)
    # Asking again would not help, and the answer says so.
    assert len(counted.sent) == 1


@pytest.mark.parametrize("fault", ["error-after=4", "cut-after=5", "garbage-after=3", "garbage-after=3;garbage=json"])
def test_a_stream_that_fails_raises(sandbox, fault):
    seen = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in ask(sandbox.client, stream=True, **steer(f"chunks=20;{fault}")):
            seen.append(chunk)
    assert caught.value.code
    contents = [chunk for chunk in seen if chunk.choices[0].delta.content]
    assert 2 <= len(contents) <= 6
    assert all(chunk.choices[0].finish_reason is None for chunk in seen)


def test_a_provider_s_stream_cut_short_raises(live):
    seen = []
    with pytest.raises(openai.APIError):
        for chunk in ask(live.client, "cut short", stream=True):
            seen.append(chunk)
    assert all(chunk.choices[0].finish_reason is None for chunk in seen)


@pytest.mark.parametrize("fault", ["cut-after=5", "garbage-after=3", "error-after=4", "html"])
def test_a_plain_answer_that_breaks(sandbox, fault):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(sandbox.client, **steer(f"chunks=20;{fault}"))
    assert caught.value.status_code == 502
    assert caught.value.code.startswith("upstream_")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("text, codes", [
    ("broken JSON", {"upstream_invalid_answer", "upstream_invalid_stream"}),
    ("hang up", {"upstream_connection_lost", "upstream_truncated"}),
])
def test_a_provider_that_breaks_before_its_answer(live, text, codes, stream):
    with pytest.raises(openai.InternalServerError) as caught:
        ask(live.client, text, stream=stream)
    assert caught.value.status_code == 502
    assert caught.value.code in codes


def test_a_failed_stream_before_its_first_chunk_is_a_status(sandbox):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(sandbox.client, stream=True, **steer("cut-after=0"))
    assert caught.value.status_code == 502


def test_the_caller_s_time_out(sandbox):
    begin = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        ask(sandbox.client, timeout=0.3, **steer("ttft-ms=5000"))
    assert time.monotonic() - begin < 3


def test_the_gateway_s_time_out(live):
    counted = live.counted(max_retries=2)
    begin = time.monotonic()
    with pytest.raises(openai.APIStatusError) as caught:
        ask(counted.client, "slow", model="hasty/gpt-5-mini")
    checked(caught, 504, "upstream_timeout")
    # The provider may be at work on it, so the library is told not to send it again.
    assert len(counted.sent) == 1
    assert time.monotonic() - begin < 3


def test_a_caller_that_leaves(sandbox):
    stream = ask(sandbox.client, stream=True, **steer("chunks=1000;chunk-ms=50"))
    for _, _ in zip(range(3), stream):
        pass
    stream.close()
    assert ask(sandbox.client).choices
