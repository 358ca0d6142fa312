"""The documents: their examples run and print what they say, their links lead somewhere, their tables are complete."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import CLIENTS, PROGRAM, ROOT

# Pages whose examples are run. Those of docs/keys.md need an admin key and ids of things made before.
PAGES = [
    "README.md", "docs/overview.md", "docs/authentication.md", "docs/sdks.md", "docs/streaming.md", "docs/errors.md",
    "docs/videos.md", "docs/sandbox.md", "docs/idempotency.md", "docs/limits.md",
]
HERE = "http://127.0.0.1:8080"
COMMANDS = {
    "sh": ["bash", "-euo", "pipefail", "-c"],
    "python": [sys.executable, "-c"],
    "js": ["node", "--input-type=module", "--eval"],
}


def blocks(page):
    """Language, the rest of its line, text and line number of each code block."""
    text = (ROOT / page).read_text()
    for found in re.finditer(r"^```(\w+)(.*)\n((?:.*\n)*?)```$", text, re.M):
        yield found[1], found[2].strip(), found[3], text.count("\n", 0, found.start()) + 1


def examples():
    """Every block that can be run, with the output that the page gives for it."""
    for page in PAGES:
        found = list(blocks(page))
        for at, (language, rest, text, line) in enumerate(found):
            if language in COMMANDS and not rest.startswith("not run"):
                after = found[at + 1] if at + 1 < len(found) else (None,) * 4
                yield pytest.param(language, text, after[2] if after[0] == "output" else None, id=f"{page}:{line}")


@pytest.mark.parametrize("language, text, output", list(examples()))
def test_example(gateway, language, text, output):
    if language == "js" and not (shutil.which("node") and (CLIENTS / "node_modules" / "openai").exists()):
        pytest.skip("needs Node and its packages")
    assert language != "sh" or HERE in text
    done = subprocess.run(
        [*COMMANDS[language], text.replace(HERE, gateway.origin)], cwd=CLIENTS, timeout=60, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "TOLLGATE_KEY": gateway.test_key})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    if output is not None:
        pattern = ".*".join(re.escape(part) for part in output.strip().split("…"))
        assert re.fullmatch(pattern, done.stdout.replace("\r", "").strip(), re.S), done.stdout


def test_there_are_examples_in_every_language():
    assert {example.values[0] for example in examples()} == set(COMMANDS)


def test_configuration_example(tmp_path):
    (text,) = [text for language, _, text, _ in blocks("README.md") if language == "toml"]
    (tmp_path / "tollgate.toml").write_text(text)
    env = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": "one", "OPENAI_API_KEY_2": "two"}
    done = subprocess.run([PROGRAM, "check"], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md", *(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))])
def test_links(page):
    text = re.sub(r"^```(.*\n)*?```$", "", (ROOT / page).read_text(), flags=re.M)
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not link.startswith("http"):
            assert ((ROOT / page).parent / link).exists(), link


def test_every_error_code_is_documented():
    page = (ROOT / "docs/errors.md").read_text()
    sources = [*Path(ROOT / "crates/tollgate/src").rglob("*.rs"), *Path(ROOT / "crates/tollgate-protocol/src").rglob("*.rs")]
    code = re.compile(r'Fault::(?:new\(\s*FaultKind::\w+,|broken\()\s*"([a-z_]+)"')
    codes = {found for source in sources for found in code.findall(source.read_text())}
    assert len(codes) > 15
    assert [code for code in sorted(codes) if f"`{code}`" not in page] == []


def test_every_part_of_the_steering_header_is_documented():
    page = (ROOT / "docs/sandbox.md").read_text()
    source = (ROOT / "crates/tollgate-sim/src/steer.rs").read_text()
    names = set(re.findall(r'^            "([a-z-]+)" => ', source, re.M))
    assert len(names) > 20
    assert [name for name in sorted(names) if not re.search(rf"`{name}[=`]", page)] == []


def test_the_lock_file_names_no_registry():
    # Packages come from whatever registry the machine uses; their hashes say that they are the right ones.
    lock = (CLIENTS / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') >= 10
