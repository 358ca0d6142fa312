"""The official libraries × an upstream that nobody here wrote: aimock in the protocols of its vendors."""
import pytest

import harness
from callers import OFFICIAL, Tool

WEATHER = Tool("get_weather", "Current weather", {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False})
# Kind, base URL and model of each vendor.
VENDORS = {
    "openai": ("openai", "/v1", "gpt-5-mini"), "openai-responses": ("openai", "/v1", "gpt-5-pro"),
    "anthropic": ("anthropic", "", "claude-haiku-4-5"), "gemini": ("gemini", "", "gemini-2.5-flash"),
}


@pytest.fixture(scope="module")
def mocked(tmp_path_factory):
    with harness.aimock() as url:
        if url is None:
            pytest.skip("aimock needs Node and its packages")
        text = "".join(
            f'[providers.{vendor}-{use}]\nkind = "{kind}"\nbase_url = "{url}{path}"\ncredentials = [{{ api_key = "a-key" }}]\n\n'
            f'[models."{vendor}-{use}"]\ntargets = [{{ provider = "{vendor}-{use}", model = "{model}" }}]\n\n'
            for vendor, (kind, path, model) in VENDORS.items() for use in ("ok", *(caller.name for caller in OFFICIAL)))
        running = harness.Gateway(tmp_path_factory.mktemp("mocked"), text)
        yield running
        running.stop()


@pytest.fixture(params=OFFICIAL, ids=lambda caller: caller.name)
def caller(mocked, request):
    return request.param(mocked.origin, mocked.live_key)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_words(caller, vendor, stream):
    answer = caller.ask(f"{vendor}-ok", [caller.user("Say hello")], stream=stream)
    assert (answer.text, answer.end) == ("Hi there from aimock!", "stop")
    assert not stream or answer.pieces > 1


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_tool(caller, vendor, stream):
    turns = [caller.user("What is the weather in Paris?")]
    asked = caller.ask(f"{vendor}-ok", turns, tools=[WEATHER], stream=stream)
    assert asked.end == "tools"
    (call,) = asked.calls
    assert (call.name, call.arguments) == ("get_weather", {"city": "Paris"})
    answer = caller.ask(f"{vendor}-ok", turns + caller.results(asked, {"degrees": 21}), tools=[WEATHER], stream=stream)
    assert (answer.text, answer.calls) == ("It is 21 degrees in Paris.", [])


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("words, status", [("That is not allowed", 400), ("It is a locked account", 502), ("always busy", 429)])
def test_refusals(caller, vendor, words, status):
    # What befalls an account must not be in the way of others.
    with pytest.raises(caller.error) as caught:
        caller.ask(f"{vendor}-{caller.name}", [caller.user(words)])
    assert caller.status(caught.value) == status
    assert "sk-abcd1234" not in str(caught.value)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_stream_that_breaks_raises(caller, vendor):
    with pytest.raises(caller.error):
        caller.ask(f"{vendor}-ok", [caller.user("cut short")], stream=True)
