"""LangChain's models: what frameworks make of answers that the official libraries take. Fewer vendors, since they are slow."""
import pytest

import test_official
from langchain_callers import LANGCHAIN
from test_official import (  # noqa: F401  the same questions, asked of other callers
    test_a_stream_that_breaks_raises, test_a_wrong_key, test_an_image, test_plain_and_streamed, test_structured_output,
)

CALLERS = LANGCHAIN
VENDORS = ("openai-responses", "anthropic", "gemini", "deepseek")


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_tool_loop(way, stream):
    test_official.test_a_tool_loop(way, stream, calls=3, think=True)
