"""LangChain's models × every vendor: what frameworks make of answers that the official libraries take."""
from agents import LANGCHAIN
from test_official import (  # noqa: F401  the same questions, asked of other callers
    test_a_stream_that_breaks_raises, test_a_tool_loop, test_a_wrong_key, test_an_image, test_plain_and_streamed,
    test_structured_output,
)

CALLERS = LANGCHAIN
