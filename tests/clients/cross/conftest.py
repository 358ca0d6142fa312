"""Two ways for every library: its own protocol against the sandbox, and a model of each vendor at one `tollgate sim`."""
import pytest

import harness
from callers import OFFICIAL

# A model of each vendor, by the kind of its provider; two of OpenAI, since one is reached over chat and one over responses.
VENDORS = {
    "openai": "gpt-5-mini", "openai-responses": "gpt-5-pro", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash",
    "deepseek": "deepseek-flash", "compatible": "llama-made-up",
}
KINDS = {"openai-responses": "openai", "compatible": "openai-compatible"}
# What else makes videos, under the model `VENDOR-video`, and how its account proves itself.
VIDEOS = {
    "veo": ("gemini", "veo-3.1-generate-preview", 'api_key = "sk-upstream-veo"'),
    "vertex": ("vertex", "veo-3.1-generate-001", 'access_token = "ya29.upstream"'),
    "ark": ("ark", "doubao-seedance-2-0-260128", 'api_key = "sk-upstream-ark"'),
    "kling": ("kling", "kling-v2-6", 'access_key = "upstream-kling", secret_key = "a-secret-that-signs-tokens"'),
}
# Where callers are told that they find the gateway.
PUBLIC = "https://tollgate.example"


def table(name, kind, url, proof=None):
    """A provider of that kind at the simulator; what steers the simulator is passed on."""
    proof = proof or f'api_key = "sk-upstream-{name}"'
    place = 'project = "upstream-project"\nlocation = "us-central1"\n' if kind == "vertex" else ""
    return (f'[providers.{name}]\nkind = "{kind}"\nbase_url = "{url}"\nforward_headers = ["x-tollgate-sim"]\n{place}'
            f'credentials = [{{ {proof} }}]\n\n')


def configuration(url):
    """Every vendor under the model `VENDOR-ok`, and for each caller one under `VENDOR-CALLER` whose failures rest nobody else."""
    text = f'[video]\npublic_url = "{PUBLIC}"\nfirst_poll = "200ms"\n\n'
    for vendor, (kind, model, proof) in VIDEOS.items():
        text += table(f"{vendor}-video", kind, url, proof)
        text += f'[models."{vendor}-video"]\ntargets = [{{ provider = "{vendor}-video", model = "{model}" }}]\n\n'
    for vendor, model in VENDORS.items():
        for use in ["ok", *(caller.name for caller in OFFICIAL)]:
            text += table(f"{vendor}-{use}", KINDS.get(vendor, vendor), url)
            text += (f'[models."{vendor}-{use}"]\n'
                     f'targets = [{{ provider = "{vendor}-{use}", model = "{model}" }}]\n\n')
    return text


@pytest.fixture(scope="session")
def simulator():
    with harness.simulator() as url:
        yield url


@pytest.fixture(scope="session")
def gateway(tmp_path_factory, simulator):
    running = harness.Gateway(tmp_path_factory.mktemp("gateway"), configuration(simulator))
    yield running
    running.stop()


class Way:
    """A library on its way to one vendor's model, or to the sandbox. `faulty` is a model that may be put to rest."""

    def __init__(self, gateway, kind, vendor):
        self.gateway, self.kind, self.vendor = gateway, kind, vendor
        sandbox = vendor == "sandbox"
        self.key = gateway.test_key if sandbox else gateway.live_key
        self.model, self.faulty = (kind.native,) * 2 if sandbox else (f"{vendor}-ok", f"{vendor}-{kind.name}")

    def caller(self, steer="output-tokens=30", key=None):
        # Thinking is what the simulator knows a chat request of DeepSeek's by, unless it is told.
        dialect = {"deepseek": ["dialect=deepseek"], "openai": ["dialect=openai"]}.get(self.vendor, [])
        return self.kind(self.gateway.origin, key or self.key, ";".join([steer] * bool(steer) + dialect))


@pytest.fixture
def way(gateway, request):
    return Way(gateway, *request.param)


def pytest_generate_tests(metafunc):
    """A test that asks for a `way` runs for its module's `CALLERS` × the sandbox and its `VENDORS` (without any: all)."""
    if "way" in metafunc.fixturenames:
        vendors = getattr(metafunc.module, "VENDORS", VENDORS)
        pairs = [(caller, vendor) for caller in metafunc.module.CALLERS for vendor in ("sandbox", *vendors)]
        metafunc.parametrize("way", pairs, indirect=True, ids=[f"{caller.name}-{vendor}" for caller, vendor in pairs])
