"""OpenAI's video helpers: models of all vendors in the sandbox, and Veo and Seedance at aimock."""
import asyncio

import openai
import pytest

from conftest import steer
from picture import picture

PROMPT = "A calico cat playing a piano on stage"
# A model of each vendor, with a length in seconds and a size that it can make.
MODELS = {
    "sora-2": ("8", "1280x720"),
    "kling-v2-6": ("5", "1280x720"),
    "doubao-seedance-1-0-pro-250528": ("5", "1280x720"),
    "veo-3.1-generate-001": ("8", "1280x720"),
    "veo-3.1-fast-generate-preview": ("4", "720x1280"),
}
SOON = steer("video-seconds=0")


def is_mp4(data):
    return data[4:8] == b"ftyp"


@pytest.fixture(scope="module")
def sora(gateway):
    """A finished video of the sandbox, for tests that look at it."""
    client = openai.OpenAI(base_url=gateway.url, api_key=gateway.test_key, max_retries=0)
    return client.videos.create_and_poll(model="sora-2", prompt=PROMPT, seconds="8", size="1280x720", **SOON)


@pytest.mark.parametrize("model", MODELS)
def test_created_polled_and_downloaded(sandbox, model):
    seconds, size = MODELS[model]
    video = sandbox.client.videos.create_and_poll(model=model, prompt=PROMPT, seconds=seconds, size=size, **SOON)
    assert (video.object, video.status, video.progress, video.error) == ("video", "completed", 100, None)
    assert (video.model, video.seconds, video.size, video.prompt) == (model, seconds, size, PROMPT)
    assert video.created_at <= video.completed_at < video.expires_at
    answer = sandbox.client.videos.download_content(video.id)
    assert answer.response.headers["content-type"] == "video/mp4"
    assert is_mp4(answer.read())


@pytest.mark.parametrize("model", ["veo-3.1-generate-preview", "doubao-seedance-1-0-pro-250528"])
def test_another_vendor_s_server(live, model, tmp_path):
    # Made at aimock, which reaches us only by the vendor's own protocol.
    video = live.client.videos.create_and_poll(model=model, prompt="a kite", size="1280x720", poll_interval_ms=100)
    assert (video.status, video.model) == ("completed", model)
    live.client.videos.download_content(video.id).write_to_file(tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes().endswith(b"a clip that nobody can play")
    failed = live.client.videos.create_and_poll(model=model, prompt="a wreck", size="1280x720", poll_interval_ms=100)
    assert failed.status == "failed"
    assert failed.error.code and failed.error.message


def test_states(sandbox):
    video = sandbox.client.videos.create(model="sora-2", prompt=PROMPT, **steer("video-seconds=2"))
    assert (video.status, video.progress, video.completed_at) == ("queued", 0, None)
    with pytest.raises(openai.NotFoundError) as caught:
        sandbox.client.videos.download_content(video.id)
    assert caught.value.code == "video_not_ready"
    seen = {video.status}
    while video.status in ("queued", "in_progress"):
        raw = sandbox.client.videos.with_raw_response.retrieve(video.id)
        assert int(raw.headers.get("openai-poll-after-ms", 1000)) > 0
        video = raw.parse()
        seen.add(video.status)
    assert seen == {"queued", "in_progress", "completed"}


def test_the_asynchronous_client(sandbox):
    async def run():
        async with openai.AsyncOpenAI(base_url=sandbox.url, api_key=sandbox.key, max_retries=0) as client:
            video = await client.videos.create_and_poll(model="kling-v2-6", prompt=PROMPT, **SOON)
            content = await client.videos.download_content(video.id)
            return video, await content.aread()
    video, data = asyncio.run(run())
    assert video.status == "completed" and is_mp4(data)


def test_a_part_of_the_file(sandbox, sora):
    videos = sandbox.client.videos
    whole = videos.download_content(sora.id)
    data = whole.read()
    part = videos.download_content(sora.id, extra_headers={"Range": "bytes=100-199"})
    assert part.response.status_code == 206
    assert part.read() == data[100:200]
    assert part.response.headers["content-range"] == f"bytes 100-199/{len(data)}"
    assert part.response.headers["etag"] == whole.response.headers["etag"]
    with videos.with_streaming_response.download_content(sora.id) as stream:
        assert b"".join(stream.iter_bytes(1000)) == data


def test_variants(sandbox, sora):
    for variant, kind, begin in (("thumbnail", "image/webp", b"RIFF"), ("spritesheet", "image/jpeg", b"\xff\xd8")):
        answer = sandbox.client.videos.download_content(sora.id, variant=variant)
        assert answer.response.headers["content-type"] == kind
        assert answer.read().startswith(begin)
    video = sandbox.client.videos.create_and_poll(model="kling-v2-6", prompt=PROMPT, **SOON)
    with pytest.raises(openai.BadRequestError) as caught:
        sandbox.client.videos.download_content(video.id, variant="thumbnail")
    assert (caught.value.code, caught.value.param) == ("variant_not_available", "variant")


@pytest.mark.parametrize("model", MODELS)
def test_a_first_frame(sandbox, model):
    seconds, size = MODELS[model]
    frame = "frame.png", picture(*map(int, size.split("x"))), "image/png"
    video = sandbox.client.videos.create_and_poll(
        model=model, prompt=PROMPT, seconds=seconds, size=size, input_reference=frame, **SOON)
    assert (video.status, video.error) == ("completed", None)


def test_remix(sandbox, sora):
    again = sandbox.client.videos.remix(sora.id, prompt="The cat wears a hat", **SOON)
    assert (again.remixed_from_video_id, again.prompt) == (sora.id, "The cat wears a hat")
    again = sandbox.client.videos.poll(again.id)
    assert (again.status, again.seconds, again.size) == ("completed", sora.seconds, sora.size)
    video = sandbox.client.videos.create(model="kling-v2-6", prompt=PROMPT, **SOON)
    with pytest.raises(openai.BadRequestError):
        sandbox.client.videos.remix(video.id, prompt="Another")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("how", ["failed", "filtered"])
def test_a_failure_is_told_by_the_video(sandbox, model, how):
    seconds, size = MODELS[model]
    video = sandbox.client.videos.create_and_poll(
        model=model, prompt=PROMPT, seconds=seconds, size=size, **steer(f"video={how};video-seconds=0"))
    assert video.status == "failed"
    assert video.error.code and video.error.message
    with pytest.raises(openai.NotFoundError):
        sandbox.client.videos.download_content(video.id)


def test_lists_and_other_projects(gateway):
    def client_of(project):
        made = gateway.admin("POST", "/projects", {"name": project})
        key = gateway.key(mode="test", project=made["id"])
        return openai.OpenAI(base_url=gateway.url, api_key=key, max_retries=0)
    ours, theirs = client_of("ours"), client_of("theirs")
    made = [ours.videos.create(model=model, prompt=PROMPT, **SOON).id for model in list(MODELS)[:3]]
    assert [video.id for video in ours.videos.list(limit=2)] == made[::-1]
    assert [video.id for video in ours.videos.list(limit=1, order="asc")] == made
    assert not ours.videos.list(after=made[0]).data
    assert theirs.videos.list().data == []
    for call in (theirs.videos.retrieve, theirs.videos.delete, theirs.videos.download_content):
        for unknown in (made[0], "video_123", "video_" + "0" * 26):
            with pytest.raises(openai.NotFoundError) as caught:
                call(unknown)
            assert caught.value.code == "video_not_found"


def test_deletion(sandbox):
    video = sandbox.client.videos.create_and_poll(model="sora-2", prompt=PROMPT, **SOON)
    gone = sandbox.client.videos.delete(video.id)
    assert (gone.id, gone.object, gone.deleted) == (video.id, "video.deleted", True)
    with pytest.raises(openai.NotFoundError):
        sandbox.client.videos.retrieve(video.id)
    with pytest.raises(openai.NotFoundError):
        sandbox.client.videos.download_content(video.id)
    assert video.id not in [each.id for each in sandbox.client.videos.list()]


@pytest.mark.parametrize("wrong, field", [
    ({"seconds": "7"}, "seconds"), ({"size": "1000x1000"}, "size"), ({"prompt": ""}, "prompt"),
    ({"input_reference": ("frame.png", b"no picture", "image/png")}, "input_reference"),
])
def test_a_wrong_field_is_named(sandbox, wrong, field):
    with pytest.raises(openai.BadRequestError) as caught:
        sandbox.client.videos.create(**{"model": "sora-2", "prompt": PROMPT} | wrong)
    assert caught.value.param == field


def test_what_cannot_make_videos(sandbox, gateway):
    with pytest.raises(openai.NotFoundError) as caught:
        sandbox.client.videos.create(model="no-such-model", prompt=PROMPT)
    assert caught.value.code == "model_not_found"
    for model in ("gpt-5-mini", "claude-haiku-4-5"):
        with pytest.raises(openai.APIStatusError) as caught:
            sandbox.client.videos.create(model=model, prompt=PROMPT)
        assert caught.value.status_code in (400, 404)
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=gateway.url, api_key="sk-tg-test-wrong", max_retries=0).videos.create(prompt=PROMPT)


def test_the_same_request_twice_is_one_video(sandbox):
    again = {"x-tollgate-sim": "video-seconds=0", "Idempotency-Key": "a-cat-once"}
    one, two = (sandbox.client.videos.create(model="sora-2", prompt=PROMPT, extra_headers=again) for _ in range(2))
    assert one.id == two.id
    with pytest.raises(openai.UnprocessableEntityError):
        sandbox.client.videos.create(model="sora-2", prompt="A dog", extra_headers=again)
