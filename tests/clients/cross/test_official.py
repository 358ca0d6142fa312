"""The official libraries × every vendor: what each of them must be able to do whoever answers."""
import pytest
from pydantic import BaseModel

from callers import OFFICIAL, Tool
from picture import picture

CALLERS = OFFICIAL
WEATHER = Tool("get_weather", "Current weather", {
    "type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"], "additionalProperties": False,
})


# Where no thoughts are to be seen: OpenAI's chat tells how many there were and no more, and a chat request cannot ask
# OpenAI's and Google's other protocols to show them.
SILENT = {
    "openai-chat": {"sandbox", "openai", "openai-responses", "gemini", "compatible"},
    "openai-responses": {"compatible"},
    "anthropic": {"openai", "compatible"},
    "google-genai": {"openai", "compatible"},
}


class Person(BaseModel):
    name: str
    age: int
    tags: list[str]


def test_plain_and_streamed(way):
    caller = way.caller()
    plain = caller.ask(way.model, [caller.user("Tell me something.")])
    streamed = caller.ask(way.model, [caller.user("Tell me something.")], stream=True)
    assert plain.text and plain.text == streamed.text
    assert plain.end == streamed.end == "stop"
    assert streamed.pieces > 3
    assert plain.tokens == streamed.tokens and plain.tokens[0] > 0 and plain.tokens[1] == 30


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("calls", [1, 3])
@pytest.mark.parametrize("think", [False, True], ids=["", "thinking"])
def test_a_tool_loop(way, stream, calls, think):
    more = ";reasoning-tokens=20;strict-state" if think else ""
    caller = way.caller(f"tool-call=get_weather;tool-calls={calls};tool-rounds=2;output-tokens=30{more}")
    turns = [caller.user("What is the weather in Paris?")]
    for _ in range(2):
        answer = caller.ask(way.model, turns, tools=[WEATHER], stream=stream, think=think)
        assert answer.end == "tools"
        assert [call.name for call in answer.calls] == ["get_weather"] * calls
        assert all(isinstance(call.arguments["city"], str) for call in answer.calls)
        turns += caller.results(answer, {"degrees": 21})
    answer = caller.ask(way.model, turns, tools=[WEATHER], stream=stream, think=think)
    assert (answer.end, answer.calls) == ("stop", [])
    assert answer.text


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_structured_output(way, stream):
    if way.vendor == "deepseek":
        pytest.skip("DeepSeek writes JSON, and knows of no schema: what it is asked stands in words")
    caller = way.caller(steer="")
    answer = caller.ask(way.model, [caller.user("Make up a person.")], schema=Person, stream=stream)
    assert isinstance(answer.parsed, Person)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_reasoning(way, stream):
    caller = way.caller("reasoning-tokens=25;output-tokens=30")
    answer = caller.ask(way.model, [caller.user("Think.")], think=True, stream=stream)
    assert answer.text
    assert answer.tokens[1] == 55
    if way.vendor in SILENT[way.kind.name]:
        assert not answer.thinking
    else:
        assert answer.thinking and answer.thinking not in answer.text


def test_an_image(way):
    caller = way.caller()
    with_it = caller.ask(way.model, [caller.user("What is this?", image=picture())])
    without = caller.ask(way.model, [caller.user("What is this?")])
    assert with_it.text
    assert with_it.tokens[0] > without.tokens[0]


def test_a_wrong_key(way):
    for stream in (False, True):
        caller = way.caller(key="sk-tg-live-" + "0" * 49)
        with pytest.raises(caller.error) as caught:
            caller.ask(way.model, [caller.user("Hello")], stream=stream)
        assert caller.status(caught.value) == 401


def test_too_many_requests(way):
    for stream in (False, True):
        caller = way.caller("status=429;retry-after=1")
        with pytest.raises(caller.error) as caught:
            caller.ask(way.faulty, [caller.user("Hello")], stream=stream)
        assert caller.status(caught.value) == 429
        assert int(caller.retry_after(caught.value)) >= 1


@pytest.mark.parametrize("fault", ["error-after=4", "cut-after=5", "garbage-after=3"])
def test_a_stream_that_breaks_raises(way, fault):
    caller = way.caller(f"chunks=20;chunk-ms=1;{fault}")
    with pytest.raises(caller.error):
        caller.ask(way.model, [caller.user("Hello")], stream=True)


def test_counted_tokens(way):
    caller = way.caller()
    if not hasattr(caller, "count"):
        pytest.skip("the protocol has no route for it")
    few, many = (caller.count(way.model, [caller.user("word " * words)]) for words in (5, 500))
    assert 0 < few < 40 and 300 < many < 800


@pytest.mark.parametrize("caller", OFFICIAL, ids=lambda caller: caller.name)
@pytest.mark.parametrize("mode", ["test", "live"])
def test_a_list_of_models(gateway, caller, mode):
    client = caller(gateway.origin, gateway.test_key if mode == "test" else gateway.live_key)
    names = client.models()
    assert len(names) == len(set(names))
    assert {"anthropic-ok", "gemini-ok", "deepseek-ok"} <= set(names) if mode == "live" else caller.native in names
