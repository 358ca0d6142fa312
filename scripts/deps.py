#!/usr/bin/env python3
"""Checks the licences, the sources and the versions of all crates that are built.

    python3 scripts/deps.py

Reads `cargo metadata` and `cargo tree`, and what is allowed from deps-allow.toml. Metadata alone would not do: it
also holds crates that only a feature nobody asked for would bring. Exit codes: 0 good, 1 something is not allowed.
"""
import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def cargo(*args):
    """Standard output of a cargo command."""
    return subprocess.run(["cargo", *args, "--locked"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def built():
    """Name and version of every crate that is built for some platform, tests included."""
    text = cargo("tree", "--workspace", "--target", "all", "--edges", "normal,build,dev", "--prefix", "none")
    return {(name, version) for name, version in re.findall(r"^(\S+) v(\S+)", text, re.M)}


class Expression:
    """An SPDX licence expression; `/` is the old way to write OR."""

    def __init__(self, text, allowed):
        self.words = re.findall(r"[()]|[^\s()]+", text.replace("/", " OR "))
        self.allowed = allowed
        self.at = 0

    def good(self):
        """Whether the allowed licences are enough."""
        result = self.either()
        if self.at != len(self.words):
            raise ValueError("words left over")
        return result

    def take(self):
        if self.at == len(self.words):
            raise ValueError("ends too early")
        self.at += 1
        return self.words[self.at - 1]

    def peek(self):
        return self.words[self.at] if self.at < len(self.words) else None

    def either(self):
        result = self.both()
        while self.peek() == "OR":
            self.take()
            # Evaluated first: the words have to be read in any case.
            result = self.both() or result
        return result

    def both(self):
        result = self.one()
        while self.peek() == "AND":
            self.take()
            result = self.one() and result
        return result

    def one(self):
        word = self.take()
        if word == "(":
            result = self.either()
            if self.take() != ")":
                raise ValueError("a bracket is not closed")
            return result
        if word in (")", "AND", "OR", "WITH"):
            raise ValueError(f"'{word}' where a licence belongs")
        if self.peek() == "WITH":
            # An exception only ever allows more.
            self.take()
            self.take()
        return word in self.allowed


def problems(packages, rules):
    """Everything that is not allowed, one line each."""
    allowed = set(rules["licences"]["allow"])
    versions = defaultdict(set)
    for package in packages:
        name, version = package["name"], package["version"]
        versions[name].add(version)
        if package["source"] is None and not package["ours"]:
            yield f"{name} {version}: comes from a path outside the workspace"
        elif package["source"] not in (None, REGISTRY):
            yield f"{name} {version}: comes from {package['source']}, not from the registry"
        if name in rules["banned"]:
            yield f"{name} {version}: banned: {rules['banned'][name]}"
        text = package["license"]
        try:
            if not text:
                yield f"{name} {version}: names no licence"
            elif not Expression(text, allowed).good():
                yield f"{name} {version}: licence not allowed: {text}"
        except ValueError as error:
            yield f"{name} {version}: licence cannot be read: {text}: {error}"
    several = {name: found for name, found in versions.items() if len(found) > 1}
    for name, found in sorted(several.items()):
        entry = rules["duplicates"].get(name)
        if entry is None:
            yield f"{name}: built in several versions: {', '.join(sorted(found))}"
        elif not entry.strip():
            yield f"{name}: deps-allow.toml gives no reason"
    for name in sorted(set(rules["duplicates"]) - set(several)):
        yield f"{name}: deps-allow.toml allows several versions, but there is one"


def self_test():
    """The parser of licences on what has to come out."""
    for text, wanted in [
        ("MIT", True), ("GPL-3.0", False), ("MIT OR GPL-3.0", True), ("GPL-3.0 OR MIT", True), ("MIT AND GPL-3.0", False),
        ("MIT/GPL-3.0", True), ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", True),
        ("GPL-3.0 AND MIT OR MIT", True), ("(MIT OR GPL-3.0) AND Apache-2.0", True), ("MIT AND (GPL-3.0 OR AGPL-3.0)", False),
    ]:
        if Expression(text, {"MIT", "Apache-2.0"}).good() is not wanted:
            raise AssertionError(text)
    for text in ["", "MIT OR", "(MIT", "MIT Apache-2.0", "AND MIT", "MIT)"]:
        try:
            Expression(text, {"MIT"}).good()
        except ValueError:
            continue
        raise AssertionError(text)


def main():
    self_test()
    with open(ROOT / "deps-allow.toml", "rb") as f:
        rules = tomllib.load(f)
    metadata = json.loads(cargo("metadata", "--format-version", "1"))
    ours = set(metadata["workspace_members"])
    wanted = built()
    packages = [
        {**package, "ours": package["id"] in ours}
        for package in metadata["packages"]
        if (package["name"], package["version"]) in wanted
    ]
    if len(packages) < len(wanted):
        print("deps: the two lists of cargo do not agree")
        return 1
    found = list(problems(packages, rules))
    for line in found:
        print(f"deps: {line}")
    if not found:
        print(f"deps: {len(packages)} crates, all good")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
