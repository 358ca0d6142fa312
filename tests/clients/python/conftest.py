"""A real gateway for the tests: `tollgate serve` on a free port, a fresh data dir, and aimock as its provider."""
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest

CLIENTS = Path(__file__).resolve().parent.parent
ROOT = CLIENTS.parent.parent
PROGRAM = Path(os.environ.get("TOLLGATE", ROOT / "target" / "debug" / "tollgate"))
ADMIN_KEY = "tg-admin-for-the-client-tests"

# Two more tables for the same upstream: one whose account is always at rest, one that does not wait.
CONFIG = """
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

[models."our-model"]
targets = [{{ provider = "openai", model = "gpt-5-mini" }}]
"""


def first_line(process, wanted, seconds=20):
    """The first line of a process that `wanted` takes something from; gives that."""
    lines = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    end = time.monotonic() + seconds
    while True:
        line = lines.get(timeout=max(0.1, end - time.monotonic()))
        if line is None:
            raise AssertionError(f"{process.args[0]} did not start")
        found = wanted(line)
        if found:
            return found


class Gateway:
    """A running `tollgate serve`."""

    def __init__(self, folder, config):
        assert PROGRAM.exists(), f"build it first: {PROGRAM}"
        (folder / "tollgate.toml").write_text(config)
        self.log = folder / "log.txt"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder / "data",
                 "--config", folder / "tollgate.toml"],
                env={"PATH": os.environ["PATH"], "TOLLGATE_ADMIN_KEY": ADMIN_KEY}, cwd=folder,
                stdout=subprocess.PIPE, stderr=log, text=True)
        self.url = first_line(self.process, lambda line: line.startswith("API:") and line.split()[1])
        self.origin = self.url.removesuffix("/v1")
        self.test_key = self.key(mode="test")
        self.live_key = self.key(mode="live")

    def admin(self, method, path, body=None):
        """A call of the admin API."""
        request = urllib.request.Request(
            f"{self.origin}/admin/v1{path}", method=method, data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def key(self, **body):
        """Makes a key and gives its secret."""
        return self.admin("POST", "/keys", {"name": "client tests", **body})["key"]

    def stop(self):
        """Ends it as an operator would; everything has to come down within seconds."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=20) == 0, self.log.read_text()[-2000:]


@pytest.fixture(scope="session")
def aimock():
    """The URL of a running aimock; None where Node is missing."""
    if not shutil.which("node") or not (CLIENTS / "node_modules" / "@copilotkit").exists():
        yield None
        return
    process = subprocess.Popen(["node", "mock/aimock.mjs"], cwd=CLIENTS, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    yield first_line(process, lambda line: line.startswith("http") and line.strip())
    process.stdin.close()
    process.wait(timeout=10)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory, aimock):
    """The gateway of all tests. Without aimock its provider is a port where nothing listens."""
    running = Gateway(tmp_path_factory.mktemp("gateway"), CONFIG.format(url=aimock or "http://127.0.0.1:9"))
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
