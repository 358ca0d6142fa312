"""Recorded answers of real vendors, read by the official library of each protocol through the gateway.

What the vendor's own library reads without us is what every other library has to read: text, thoughts, calls, tokens and why it
ended. A part of the recordings is enough for everyday; RECORDED=all takes every one.
"""
import os
import zlib
from collections import Counter

import pytest

import harness
import recorded

if not recorded.FIXTURES.exists():
    pytest.skip(f"recorded answers are not there: {recorded.FIXTURES}", allow_module_level=True)

EVERY = 1 if os.environ.get("RECORDED") == "all" else 8
# Who answers a protocol, and by what name its model is asked for.
KINDS = {"openai-chat": ("openai-compatible", "m"), "openai-responses": ("openai", "gpt-5-pro"),
         "anthropic-messages": ("anthropic", "m"), "gemini-generate": ("gemini", "m")}
# Calls are looked at themselves.
ENDS = {
    "stop": "stop", "eos": "stop", "completed": "stop", "complete": "stop", "end_turn": "stop", "stop_sequence": "stop", "STOP": "stop",
    "tool_calls": "stop", "function_call": "stop", "tool_use": "stop", "UNEXPECTED_TOOL_CALL": "stop",
    "length": "length", "max_output_tokens": "length", "incomplete": "length", "max_tokens": "length", "MAX_TOKENS": "length",
    "content_filter": "filter", "refusal": "filter", "SAFETY": "filter", "RECITATION": "filter",
}


@pytest.fixture(scope="module")
def everything():
    """The recordings by their protocol."""
    return {protocol: [case for case in recorded.cases(protocol) if zlib.crc32(case.id.encode()) % EVERY == 0]
            for protocol in recorded.READERS}


@pytest.fixture(scope="module")
def upstream(everything):
    with recorded.server({case.id: case for cases in everything.values() for case in cases}) as url:
        yield url


@pytest.fixture(scope="module")
def replaying(tmp_path_factory, upstream):
    text = "".join(
        f'[providers.{protocol}]\nkind = "{kind}"\nbase_url = "{upstream}"\nforward_headers = ["x-case"]\n'
        f'credentials = [{{ api_key = "sk-upstream" }}]\n\n' for protocol, (kind, _) in KINDS.items())
    running = harness.Gateway(tmp_path_factory.mktemp("replaying"), text)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def meant(everything, upstream):
    """What the answers of a protocol say by its vendor's own library, without those that are none."""
    known = {}

    def of(protocol):
        if protocol not in known:
            reader, said = recorded.READERS[protocol](upstream, "sk-direct"), []
            for case in everything[protocol]:
                # Some recordings hold several answers in a row, or pictures that were taken out.
                if case.body.count(b"event: message_start") > 1 or case.tags & {"image_output", "image_generation"}:
                    continue
                try:
                    answer = reader.read("m", case)
                except (reader.error, TypeError, AttributeError):
                    continue
                # Not made yet, an invented end, or calls in pieces of Google's that its library does not put together.
                if answer.end in ENDS and all(name for name, _ in answer.calls):
                    said.append((case, answer))
            known[protocol] = said
        return known[protocol]
    return of


def differences(meant, got):
    """Names of what is not the same."""
    if meant.text != got.text:
        yield "text"
    if "".join(meant.thinking.split()) != "".join(got.thinking.split()):
        yield "thinking"
    end = "filter" if meant.refused and ENDS[got.end] == "filter" else ENDS[meant.end]
    if ENDS.get(got.end) != end:
        yield "end"
    if [name for name, _ in meant.calls] != [name for name, _ in got.calls]:
        yield "names of calls"
    for (_, theirs), (_, ours) in zip(meant.calls, got.calls):
        # What was cut off, or is no JSON, cannot be an object.
        if end != "length" and theirs != ours and isinstance(theirs, dict) and isinstance(ours, dict):
            yield "arguments"
    tokens = got.tokens
    if meant.tokens and len(meant.tokens) == 1:
        tokens = (sum(got.tokens),)
    if meant.tokens and meant.tokens != tokens:
        yield "tokens"


@pytest.mark.parametrize("name", recorded.READERS)
@pytest.mark.parametrize("protocol", recorded.READERS)
def test_recorded(replaying, meant, protocol, name):
    reader = recorded.READERS[name](replaying.origin, replaying.live_key)
    model = f"{protocol}/{KINDS[protocol][1]}"
    wrong, shown = Counter(), []
    for case, said in meant(protocol):
        try:
            got = reader.read(model, case)
            found = list(differences(said, got))
        except reader.error as error:
            got, found = error, ["raised"]
        wrong.update(found)
        if found and len(shown) < 5:
            shown.append(f"{case.id}: {found}\n  {said}\n  {got}")
    assert not wrong, f"{dict(wrong)} of {len(meant(protocol))}\n" + "\n".join(shown)
    assert len(meant(protocol)) > 20
