"""What both suites start: a real gateway on a fresh data dir, and the upstreams that stand behind it."""
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

CLIENTS = Path(__file__).resolve().parent.parent
ROOT = CLIENTS.parent.parent
PROGRAM = Path(os.environ.get("TOLLGATE", ROOT / "target" / "debug" / "tollgate"))
ADMIN_KEY = "tg-admin-for-the-client-tests"


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


@contextmanager
def aimock():
    """The URL of a running aimock; None where Node or its package is missing."""
    if not shutil.which("node") or not (CLIENTS / "node_modules" / "@copilotkit").exists():
        yield None
        return
    process = subprocess.Popen(["node", "mock/aimock.mjs"], cwd=CLIENTS, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    yield first_line(process, lambda line: line.startswith("http") and line.strip())
    process.stdin.close()
    process.wait(timeout=10)


@contextmanager
def simulator():
    """The URL of a running `tollgate sim`."""
    process = subprocess.Popen([PROGRAM, "sim", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    yield first_line(process, lambda line: re.search(r"http://[\d.:]+", line)).group()
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=10)
