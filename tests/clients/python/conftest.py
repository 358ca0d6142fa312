"""The gateway of the OpenAI tests, with aimock as its provider, and the two sides of it that a test can ask."""
import time
from dataclasses import dataclass

import openai
import pytest

import harness

# Two more tables for the same upstream: one whose account is always at rest, one that does not wait. Then its other protocols.
CONFIG = """
[video]
first_poll = "100ms"

[providers.openai]
base_url = "{url}/v1"
credentials = [{{ api_key = "a-key-for-aimock" }}]

[providers.limited]
kind = "openai-compatible"
base_url = "{url}/v1"
credentials = [{{ api_key = "a-key-for-aimock" }}]

[providers.hasty]
kind = "openai-compatible"
base_url = "{url}/v1"
credentials = [{{ api_key = "a-key-for-aimock" }}]
timeouts = {{ first_byte = "500ms" }}

[providers.gemini]
base_url = "{url}"
credentials = [{{ api_key = "a-key-for-aimock" }}]

[providers.ark]
base_url = "{url}/api/v3"
credentials = [{{ api_key = "a-key-for-aimock" }}]

[models."our-model"]
targets = [{{ provider = "openai", model = "gpt-5-mini" }}]
"""


@pytest.fixture(scope="session")
def aimock():
    with harness.aimock() as url:
        yield url


@pytest.fixture(scope="session")
def gateway(tmp_path_factory, aimock):
    """The gateway of all tests. Without aimock its provider is a port where nothing listens."""
    running = harness.Gateway(tmp_path_factory.mktemp("gateway"), CONFIG.format(url=aimock or "http://127.0.0.1:9"))
    yield running
    running.stop()


class Counted:
    """A client that counts the requests it really sends."""

    def __init__(self, url, key, **more):
        self.sent = []
        http = openai.DefaultHttpxClient(event_hooks={"request": [lambda request: self.sent.append(time.monotonic())]})
        self.client = openai.OpenAI(base_url=url, api_key=key, http_client=http, **more)


@dataclass
class Side:
    """One of the two ways through the gateway: to the sandbox with a test key, or to aimock with a live one."""

    name: str
    url: str
    key: str
    client: openai.OpenAI

    def counted(self, **more):
        return Counted(self.url, self.key, **more)


def side_of(gateway, name):
    key = gateway.test_key if name == "sandbox" else gateway.live_key
    return Side(name, gateway.url, key, openai.OpenAI(base_url=gateway.url, api_key=key, max_retries=0))


@pytest.fixture
def sandbox(gateway):
    return side_of(gateway, "sandbox")


@pytest.fixture
def live(gateway, aimock):
    if aimock is None:
        pytest.skip("aimock needs Node and its packages")
    return side_of(gateway, "live")


@pytest.fixture(params=["sandbox", "live"])
def side(request):
    return request.getfixturevalue(request.param)


def steer(text):
    """Extra arguments of a call that steer the sandbox."""
    return {"extra_headers": {"x-tollgate-sim": text}}


def user(text):
    return [{"role": "user", "content": text}]
