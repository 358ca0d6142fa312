"""What bench.py and soak.py share: building, starting and pinning programs, asking over HTTP.

Python 3 standard library only. Everything talks over loopback, and what is started here is stopped here.
"""
import json
import os
import platform
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONTROL_KEY = "sk-bench-0042"  # the one key that the control `duties` lets through
CHAT = {
    "model": "bench-chat",
    "messages": [{"role": "user", "content": "When was the bridge finished?"}],
    "max_tokens": 80,
}
OURS = ("tollgate", "unbooked", "translated")  # the program itself, in three ways
LIFE_SECS = 4 * 3600  # servers of tollgate-bench end after this even if nobody stops them

NGINX = """
daemon off;
master_process on;
worker_processes 1;
worker_rlimit_nofile {files};
{user}
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log error;
events {{ worker_connections {files}; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/f;
    uwsgi_temp_path {dir}/u;
    scgi_temp_path {dir}/s;
    client_max_body_size 32m;
    client_body_buffer_size 1m;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    tcp_nodelay on;
    upstream model {{
        server {upstream};
        keepalive 6000;
        keepalive_timeout 600s;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {listen} backlog=8192;
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 3600s;
        }}
    }}
}}
"""

# No budget on the key, prices on the models: metering and the ledger do all their work.
TOLLGATE = """
[providers.openai]
kind = "openai"
base_url = "http://{upstream}/v1"
credentials = [{{ api_key = "sk-upstream" }}]

[models."bench-chat"]
targets = [{{ provider = "openai", model = "gpt-5-mini" }}]

[models."bench-embed"]
targets = [{{ provider = "openai", model = "text-embedding-3-small" }}]
"""


class Failed(Exception):
    """A program did not start, or a step did not work."""


def target_dir():
    return os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release")


def build(packages):
    """Builds release binaries with cargo."""
    cmd = ["cargo", "build", "--release"]
    for package in packages:
        cmd += ["-p", package]
    say("building:", " ".join(cmd))
    if subprocess.run(cmd, cwd=ROOT, check=False).returncode != 0:
        raise Failed("cargo build failed")


def say(*words):
    print(*words, flush=True)


def raise_file_limit():
    """Raises the limit of open files as far as it goes and returns it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        hard = 1 << 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cores():
    """(core of the gateway, core of everything else); None where there is only one."""
    mine = sorted(os.sched_getaffinity(0))
    return ({mine[0]}, {mine[1]}) if len(mine) > 1 else (None, None)


def ask(port, method, path, key=None, body=None, timeout=5.0):
    """One request on a connection of its own. Returns (status, body); status 0 if nobody answers."""
    data = json.dumps(body).encode() if body is not None else b""
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n"
    if key:
        head += f"authorization: Bearer {key}\r\n"
    if body is not None:
        head += f"content-type: application/json\r\ncontent-length: {len(data)}\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
            s.sendall(head.encode() + b"\r\n" + data)
            got = b""
            while piece := s.recv(65536):
                got += piece
    except OSError:
        return 0, b""
    head, _, rest = got.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if b"transfer-encoding: chunked" in head.lower():
        rest = b"".join(rest.split(b"\r\n")[1::2])
    return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), rest


class Bench:
    """A scratch directory and the processes of one run."""

    def __init__(self, tollgate=None):
        self.dir = tempfile.mkdtemp(prefix="tollgate-bench-")
        os.chmod(self.dir, 0o755)  # nginx's worker is another user when this runs as root
        self.files = raise_file_limit()
        self.own = os.path.join(target_dir(), "tollgate-bench")
        self.tollgate = tollgate or os.path.join(target_dir(), "tollgate")
        self.gateway_core, self.other_core = cores()
        self.running = []
        self.count = 0

    def __enter__(self):
        for sig in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, lambda *_: sys.exit(1))
        return self

    def __exit__(self, *_):
        for p in list(self.running):
            self.stop(p)
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def spawn(self, cmd, core, name, env=None):
        """Starts a program on a core; it inherits the core from us, which costs it nothing."""
        mine = os.sched_getaffinity(0)
        clean = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LC_ALL", "TZ")}
        clean.update(env or {}, HOME=self.dir)
        with open(self.path(f"{name}.log"), "ab") as log:
            if core:
                os.sched_setaffinity(0, core)
            try:
                p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir,
                                     env=clean, start_new_session=False)
            except OSError as e:
                raise Failed(f"{name}: {e.strerror}") from e
            finally:
                os.sched_setaffinity(0, mine)
        self.running.append(p)
        return p

    def stop(self, p, patience=5):
        """Ends a program: asked first, forced after a while."""
        if p in self.running:
            self.running.remove(p)
        if p.poll() is None:
            p.terminate()
            try:
                p.wait(patience)
            except subprocess.TimeoutExpired:
                if p.args[0].endswith("tollgate"):
                    p.terminate()  # a second signal ends the drain
                    time.sleep(0.5)
                p.kill()
                p.wait(5)

    def tail(self, name, size=600):
        try:
            with open(self.path(f"{name}.log"), "rb") as f:
                return f.read()[-size:].decode(errors="replace").strip()
        except OSError:
            return ""

    def upstream(self):
        """Starts the static upstream and returns (process, port)."""
        port = free_port()
        p = self.spawn([self.own, "upstream", "--listen", f"127.0.0.1:{port}", "--secs", str(LIFE_SECS)],
                       self.other_core, "upstream")
        self.wait(p, "upstream", lambda: ask(port, "POST", "/v1/chat/completions", body=CHAT)[0] == 200)
        return p, port

    def wait(self, p, name, ready, patience=30.0):
        """Waits until `ready` says so."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if ready():
                return
            if p.poll() is not None:
                raise Failed(f"{name} ended with {p.returncode}: {self.tail(name)}")
            time.sleep(0.001)
        raise Failed(f"{name} is not ready: {self.tail(name)}")

    def available(self, name):
        """Why a gateway cannot run here, or None."""
        if name == "nginx":
            return None if nginx_path() else "nginx is not installed"
        program = self.tollgate if name in OURS else self.own
        return None if os.access(program, os.X_OK) else f"no program {os.path.basename(program)}"

    def command(self, name, port, upstream):
        """(command, environment) of a gateway."""
        listen, up = f"127.0.0.1:{port}", f"127.0.0.1:{upstream}"
        self.count += 1
        if name == "nginx":
            conf = self.path(f"nginx-{self.count}.conf")
            user = "user root;" if os.geteuid() == 0 else ""
            with open(conf, "w", encoding="utf-8") as f:
                f.write(NGINX.format(dir=self.dir, listen=listen, upstream=up, user=user,
                                     files=min(self.files, 20000)))
            return [nginx_path(), "-c", conf, "-p", self.dir], {}
        if name in OURS:
            conf = self.path(f"tollgate-{self.count}.toml")
            with open(conf, "w", encoding="utf-8") as f:
                f.write(TOLLGATE.format(upstream=up))
            return ([self.tollgate, "serve", "--listen", listen, "--data-dir", self.path(f"data-{self.count}"),
                     "--config", conf, *(["--without-books"] if name == "unbooked" else [])], {"TOLLGATE_ADMIN_KEY": "tg-admin-bench-" + secrets.token_hex(16)})
        return [self.own, "control", name, "--listen", listen, "--upstream", up, "--secs", str(LIFE_SECS)], {}

    def gateway(self, name, upstream):
        """Starts a gateway on an empty data directory and waits for its first answer."""
        port = free_port()
        cmd, env = self.command(name, port, upstream)
        begin = time.monotonic()
        p = self.spawn(cmd, self.gateway_core, name, env)
        g = Gateway(name, p, port, CONTROL_KEY)
        try:
            if name in OURS:
                self.wait(p, name, lambda: ask(port, "GET", "/readyz")[0] == 200)
                g.ready_ms = (time.monotonic() - begin) * 1000
                g.admin = env["TOLLGATE_ADMIN_KEY"]
                status, body = ask(port, "POST", "/admin/v1/keys", g.admin, {"name": "bench", "mode": "live"})
                if status not in (200, 201):
                    raise Failed(f"tollgate made no key: {status} {body[:300]!r}")
                g.key = json.loads(body)["key"]
            self.wait(p, name, lambda: ask(port, "POST", "/v1/chat/completions", g.key, CHAT)[0] == 200)
            g.answer_ms = (time.monotonic() - begin) * 1000
            g.ready_ms = g.ready_ms or g.answer_ms
        except (Failed, ValueError, KeyError):
            self.stop(p)
            raise
        return g

    def load_command(self, gateway, *args):
        """The load generator against a gateway, or the upstream itself."""
        return [self.own, "load", "--addr", f"127.0.0.1:{gateway.port}", "--key", gateway.key,
                "--pid", str(gateway.process.pid), *map(str, args)]

    def load(self, gateway, *args, patience=150):
        """Runs a load to its end and returns its report."""
        mine = os.sched_getaffinity(0)
        if self.other_core:
            os.sched_setaffinity(0, self.other_core)
        try:
            r = subprocess.run(self.load_command(gateway, *args), capture_output=True, text=True,
                               timeout=patience, check=False)
        except subprocess.TimeoutExpired as e:
            raise Failed(f"load on {gateway.name} did not end") from e
        finally:
            os.sched_setaffinity(0, mine)
        if r.returncode != 0:
            raise Failed(f"load on {gateway.name}: {r.stderr.strip()[-300:]}")
        return json.loads(r.stdout)


class Gateway:
    """A running gateway; for `direct`, the upstream."""

    def __init__(self, name, process, port, key):
        self.name, self.process, self.port, self.key = name, process, port, key
        self.admin = None
        self.ready_ms = self.answer_ms = None


def nginx_path():
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def first_line(cmd, err=False):
    try:
        r = subprocess.run(cmd, capture_output=True, text=True, check=False, cwd=ROOT, timeout=20)
        return ((r.stderr if err else r.stdout).strip().splitlines() or [""])[0]
    except (OSError, subprocess.TimeoutExpired):
        return ""


def machine():
    """What the figures were taken on. No host name and no paths."""
    cpu = memory = ""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            cpu = next((x.split(":", 1)[1].strip() for x in f if x.startswith("model name")), platform.machine())
        with open("/proc/meminfo", encoding="utf-8") as f:
            memory = f"{int(f.readline().split()[1]) / 1048576:.0f} GiB"
    except OSError:
        pass
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory": memory,
        "kernel": f"{platform.system()} {platform.release()}",
        "rustc": first_line(["rustc", "--version"]),
        "nginx": first_line([nginx_path(), "-v"], err=True).partition(": ")[2] if nginx_path() else None,
        "commit": first_line(["git", "rev-parse", "--short", "HEAD"]),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "load_average": [round(x, 2) for x in os.getloadavg()],
    }


def write_out(name, text):
    """Writes a file below bench/."""
    folder = os.path.join(ROOT, "bench")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write(text)
    say("wrote", os.path.join("bench", name))
