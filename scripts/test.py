#!/usr/bin/env python3
"""`make test`: sets up what the tests need, runs every check and test, counts them.

    python3 scripts/test.py                      everything
    python3 scripts/test.py clippy node          only these parts
    python3 scripts/test.py --list

What cannot be had (a compiler component, Node, a package that does not install) is skipped with a line that says so;
with CI=true that is a failure. The last line is `N passed, N failed, N skipped`. Exit codes: 0 nothing failed, 1 else.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "tests" / "clients"
FACE = ROOT / "tests" / "face"
CI = os.environ.get("CI", "").lower() in ("1", "true")
# Sets of Python libraries. The first runs every folder of tests.
SDKS = ("newest", "openai2")
LEAST_NODE = (20, 15)
# Whether target/debug/tollgate has been built from these sources by this run already.
BUILT = False


class Missing(Exception):
    """Something that the part needs cannot be had."""


class Tally:
    """What came of the parts so far."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.notes = []

    def add(self, passed, failed, skipped):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped


def say(text):
    print(text, flush=True)


def run(*command, cwd=ROOT, env=None):
    """Runs a command, shows its output, gives its exit code and its output without colours."""
    process = subprocess.Popen(
        [str(part) for part in command], cwd=cwd, env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    lines = []
    for line in process.stdout:
        sys.stdout.write(line)
        lines.append(line)
    sys.stdout.flush()
    return process.wait(), re.sub(r"\x1b\[[0-9;]*m", "", "".join(lines))


def check(*command, **more):
    """A command that is one check."""
    code, _ = run(*command, **more)
    return (1, 0, 0) if code == 0 else (0, 1, 0)


def setup(what, *command, **more):
    """A command that a part needs first."""
    code, _ = run(*command, **more)
    if code != 0:
        raise Missing(f"{what} failed (exit code {code})")


def quiet(*command):
    """Output of a command, or None if it fails or is not there."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


def apt(program, *packages):
    """Installs Debian packages if the program is missing."""
    if shutil.which(program):
        return
    install_packages(program, packages)
    if not shutil.which(program):
        raise Missing(f"{program} is not there after installing {' '.join(packages)}")


def install_packages(why, packages):
    if not shutil.which("apt-get"):
        raise Missing(f"{why} is missing and there is no apt-get to install it with")
    root = []
    if os.geteuid() != 0:
        if not shutil.which("sudo"):
            raise Missing(f"{why} is missing: install {' '.join(packages)} (no root and no sudo here)")
        root = ["sudo", "--non-interactive"]
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    run(*root, "apt-get", "-qq", "update", env=env)
    code, _ = run(*root, "apt-get", "-qq", "install", "--yes", "--no-install-recommends", *packages, env=env)
    if code != 0:
        raise Missing(f"{why} is missing and apt-get could not install {' '.join(packages)}")


def toolchain():
    if not shutil.which("cargo"):
        raise Missing("cargo is missing: install Rust 1.95 (https://rustup.rs)")
    apt("cc", "gcc", "libc6-dev")


def component(name):
    toolchain()
    if quiet("cargo", name, "--version") is None:
        raise Missing(f"cargo {name} is missing: rustup component add {'rustfmt' if name == 'fmt' else name}")


def fmt():
    component("fmt")
    return check("cargo", "fmt", "--all", "--check")


def clippy():
    component("clippy")
    return check("cargo", "clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings")


def deps():
    toolchain()
    return check(sys.executable, "scripts/deps.py")


def rust():
    global BUILT
    toolchain()
    if quiet("cargo", "nextest", "--version"):
        code, text = run("cargo", "nextest", "run", "--locked", "--workspace", "--no-fail-fast", "--status-level", "fail",
                         "--final-status-level", "fail", "--hide-progress-bar")
        found = re.search(r"Summary .*?:(.*)", text)
        counts = count(found.group(1) if found else "", skipped="skipped")
        # Nextest leaves out the tests of the documentation.
        if re.search(r"^\s*doctest\s*=\s*true", "".join(p.read_text() for p in ROOT.glob("crates/*/Cargo.toml")), re.M):
            raise AssertionError("a crate has doctests; run them here")
    else:
        code, text = run("cargo", "test", "--locked", "--workspace", "--no-fail-fast")
        counts = [sum(each) for each in zip(*(count(line, skipped="ignored")
                                               for line in re.findall(r"^test result:.*", text, re.M)), (0, 0, 0))]
    # The tests of the program start it, so that it was built if any test ran.
    BUILT = sum(counts) > 0
    return judged(code, counts)


def count(text, skipped):
    """Numbers before `passed`, `failed` and `skipped`."""
    def number(*names):
        return sum(int(n) for name in names for n in re.findall(rf"(\d+) {name}\b", text))
    return number("passed"), number("failed", "errors?", "timed out"), number(skipped)


def judged(code, counts):
    """A run that failed without a failed test (it did not compile) is one failure."""
    passed, failed, skipped = counts
    if code != 0 and failed == 0:
        failed = 1
    return passed, failed, skipped


def program():
    """Builds what the client tests run, unless the tests of the workspace did."""
    if BUILT:
        return
    toolchain()
    setup("the build", "cargo", "build", "--locked", "--package", "tollgate")


def mark_of(*files):
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def fresh(folder, mark):
    """Whether the folder was set up from the same files; if not it is to be made anew."""
    stamp = folder / ".made-from"
    return stamp.is_file() and stamp.read_text() == mark


def venv(name):
    """A virtual environment with exactly these versions; gives its Python."""
    folder, wanted = CLIENTS / ".venv" / name, CLIENTS / f"requirements-{name}.txt"
    mark = mark_of(wanted)
    if not fresh(folder, mark):
        shutil.rmtree(folder, ignore_errors=True)
        if quiet(sys.executable, "-c", "import ensurepip, venv") is None:
            install_packages("Python's venv", ["python3-venv"])
        setup("venv", sys.executable, "-m", "venv", folder)
        setup("pip", folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check",
              "--only-binary", ":all:", "--requirement", wanted)
        (folder / ".made-from").write_text(mark)
    return folder / "bin" / "python"


def node():
    """Sets up the Node packages of the client tests."""
    node_packages(CLIENTS)


def node_packages(folder):
    """Node, and a folder's packages."""
    apt("node", "nodejs", "npm")
    apt("npm", "npm")
    version = (quiet("node", "--version") or "v0").strip().lstrip("v")
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_NODE:
        raise Missing(f"Node {version} is too old: {'.'.join(map(str, LEAST_NODE))} or newer is needed")
    mark = mark_of(folder / "package.json", folder / "package-lock.json")
    if not fresh(folder / "node_modules", mark):
        setup("npm", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
        (folder / "node_modules" / ".made-from").write_text(mark)


def python_clients():
    program()
    apt("curl", "curl", "ca-certificates")
    try:
        node()
    except Missing as missing:
        if CI:
            raise
        say(f"    without Node the tests against aimock are skipped: {missing}")
    total = [0, 0, 0]
    for name in SDKS:
        python = venv(name)
        # The README's examples need one run only; they are for the newest library.
        folders = [["python"], ["cross"]] if name == SDKS[0] else [["python", "--ignore=python/test_docs.py"]]
        for tests in folders:
            code, text = run(python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *tests, cwd=CLIENTS)
            counts = judged(code, count(text.strip().rsplit("\n", 1)[-1], skipped="skipped"))
            total = [a + b for a, b in zip(total, counts)]
    return tuple(total)


def node_clients():
    program()
    node()
    files = sorted(str(path.relative_to(CLIENTS)) for path in (CLIENTS / "node").glob("*.test.mjs"))
    code, text = run("node", "--test", "--test-reporter=spec", *files, cwd=CLIENTS)
    return judged(code, node_counts(text))


def node_counts(text):
    """What Node's runner counted."""
    def number(name):
        return sum(int(n) for n in re.findall(rf"^\S* ?{name} (\d+)$", text, re.M))
    return number("pass"), number("fail") + number("cancelled"), number("skipped") + number("todo")


def chromium():
    """Where the browser is, installed if need be."""
    names = ("chromium", "chromium-browser", "google-chrome")
    if not any(map(shutil.which, names)):
        install_packages("Chromium", ["chromium"])
    found = next(filter(None, map(shutil.which, names)), None)
    if not found:
        raise Missing("Chromium is not there after installing it")
    return found


def face():
    program()
    node_packages(FACE)
    files = sorted(file.name for file in FACE.glob("*.test.mjs"))
    code, text = run("node", "--test", "--test-reporter=spec", *files, cwd=FACE, env={"CHROMIUM": chromium()})
    return judged(code, node_counts(text))


PARTS = {
    "fmt": (fmt, "formatting"),
    "clippy": (clippy, "lints"),
    "deps": (deps, "licences, sources and versions of dependencies"),
    "rust": (rust, "tests of the workspace"),
    "python": (python_clients, "official Python clients of all vendors, frameworks, and the examples in the docs"),
    "node": (node_clients, "official Node clients of all vendors and the AI SDK"),
    "face": (face, "the console and the reference in Chromium"),
}


def main():
    wanted = sys.argv[1:]
    if "--list" in wanted:
        for name, (_, title) in PARTS.items():
            say(f"{name:8} {title}")
        return 0
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        say(f"no such part: {' '.join(unknown)}; there are {' '.join(PARTS)}")
        return 2
    tally = Tally()
    for name in wanted or PARTS:
        part, title = PARTS[name]
        say(f"\n==> {name}: {title}")
        begin = time.monotonic()
        try:
            counts = part()
            word = "failed" if counts[1] else "good"
        except Missing as missing:
            counts = (0, 1, 0) if CI else (0, 0, 1)
            word = f"{'FAILED' if CI else 'SKIPPED'}: {missing}"
        tally.add(*counts)
        seconds = time.monotonic() - begin
        note = f"{name:8} {counts[0]:5} passed {counts[1]:3} failed {counts[2]:3} skipped {seconds:6.0f} s  {word}"
        tally.notes.append(note)
    say("")
    for note in tally.notes:
        say(note)
    say(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
