"""Embeddings, audio and models through the official library."""
import http.client
import io
import json
import math
import urllib.parse
import wave

import openai
import pytest

TEXT = "three numbers"
EMBEDDER = "text-embedding-3-small"


def sound(seconds=1):
    """A WAV file with silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(16000 * seconds))
    return "silence.wav", file.getvalue(), "audio/wav"


def test_embedding(side):
    # The library asks for base64 and decodes it.
    answer = side.client.embeddings.create(model=EMBEDDER, input=TEXT)
    (row,) = answer.data
    assert all(isinstance(number, float) for number in map(float, row.embedding))
    if side.name == "live":
        assert list(row.embedding) == [0.25, -0.5, 1]
    else:
        assert len(row.embedding) == 1536
        assert math.isclose(sum(number * number for number in row.embedding), 1, abs_tol=1e-3)
        assert answer.usage.prompt_tokens > 0
    assert answer.model == EMBEDDER
    assert answer._request_id.startswith("req_")


def test_floats_and_base64_are_the_same_numbers(sandbox):
    decoded = sandbox.client.embeddings.create(model=EMBEDDER, input=TEXT).data[0].embedding
    floats = sandbox.client.embeddings.create(model=EMBEDDER, input=TEXT, encoding_format="float").data[0].embedding
    assert floats == pytest.approx(decoded, abs=1e-6)
    encoded = sandbox.client.embeddings.create(model=EMBEDDER, input=TEXT, encoding_format="base64").data[0].embedding
    assert isinstance(encoded, str)


def test_dimensions(sandbox):
    answer = sandbox.client.embeddings.create(model=EMBEDDER, input=TEXT, dimensions=256)
    assert len(answer.data[0].embedding) == 256


def test_batch(side):
    answer = side.client.embeddings.create(model=EMBEDDER, input=[TEXT, "something else", TEXT])
    assert [row.index for row in answer.data] == [0, 1, 2]
    if side.name == "sandbox":
        assert answer.data[0].embedding == answer.data[2].embedding != answer.data[1].embedding


def test_tokens(side):
    assert len(side.client.embeddings.create(model=EMBEDDER, input=[[1, 2, 3], [4, 5]]).data) == 2
    assert len(side.client.embeddings.create(model=EMBEDDER, input=[1, 2, 3]).data) == 1


def test_large_batch(sandbox):
    answer = sandbox.client.embeddings.create(model=EMBEDDER, input=[f"text {n}" for n in range(500)])
    assert len(answer.data) == 500
    assert len({tuple(row.embedding[:8]) for row in answer.data}) == 500


def test_transcription(side):
    answer = side.client.audio.transcriptions.create(model="whisper-1", file=sound())
    assert answer.text
    if side.name == "live":
        assert answer.text == "Spoken words."
    assert answer._request_id.startswith("req_")


@pytest.mark.parametrize("format, start", [("text", ""), ("srt", "1\n00:00:00,"), ("vtt", "WEBVTT\n")])
def test_transcription_as_text(sandbox, format, start):
    text = sandbox.client.audio.transcriptions.create(model="whisper-1", file=sound(), response_format=format)
    assert isinstance(text, str)
    assert text.startswith(start) and text.strip()
    assert not text.startswith("{")


def test_transcription_with_times(side):
    answer = side.client.audio.transcriptions.create(
        model="whisper-1", file=sound(2), response_format="verbose_json",
        timestamp_granularities=["segment"])
    assert float(answer.duration) == (2.5 if side.name == "live" else 2.0)
    assert answer.segments[0].text


def test_transcription_streamed(side):
    events = list(side.client.audio.transcriptions.create(model="gpt-4o-transcribe", file=sound(), stream=True))
    assert [event.type for event in events[:-1]] == ["transcript.text.delta"] * (len(events) - 1)
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == "".join(event.delta for event in events[:-1])


def test_translation(side):
    answer = side.client.audio.translations.create(model="whisper-1", file=sound())
    assert answer.text
    if side.name == "live":
        assert answer.text == "Translated words."


def test_upload_with_the_file_before_the_model(side):
    # The library sends the fields first; others do not, and the gateway must know the model before it can route.
    name, content, kind = sound(30)
    parts = [
        f'--sep\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'.encode()
        + content,
        b'\r\n--sep\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--sep--\r\n',
    ]
    target = urllib.parse.urlsplit(side.url)
    connection = http.client.HTTPConnection(target.netloc, timeout=20)
    connection.request("POST", "/v1/audio/transcriptions", b"".join(parts), {
        "Authorization": f"Bearer {side.key}", "Content-Type": "multipart/form-data; boundary=sep"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, body
    assert json.loads(body)["text"]


def test_a_file_object(side):
    file = io.BytesIO(sound()[1])
    file.name = "from-a-file.wav"
    assert side.client.audio.transcriptions.create(model="whisper-1", file=file).text


def test_models(side):
    names = [model.id for model in side.client.models.list()]
    assert "gpt-5-mini" in names
    assert ("our-model" in names) or side.name == "sandbox"
    one = side.client.models.retrieve("gpt-5-mini")
    assert (one.id, one.object) == ("gpt-5-mini", "model")


def test_an_unknown_model_cannot_be_retrieved(side):
    with pytest.raises(openai.NotFoundError) as caught:
        side.client.models.retrieve("no-such-model")
    assert caught.value.code == "model_not_found"


def test_only_allowed_models_are_listed(gateway):
    key = gateway.key(mode="test", allowed_models=["gpt-5-mini"])
    client = openai.OpenAI(base_url=gateway.url, api_key=key, max_retries=0)
    assert [model.id for model in client.models.list()] == ["gpt-5-mini"]
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.embeddings.create(model=EMBEDDER, input=TEXT)
    assert (caught.value.code, caught.value.param) == ("model_not_allowed", "model")
