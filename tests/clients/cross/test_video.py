"""Video in the vendors' own protocols: Veo through `google-genai` in both of its forms, Seedance and Kling by plain HTTP.

Each in the sandbox and at a model whose vendor is one `tollgate sim`.
"""
import base64
import json
import time
import urllib.error
import urllib.request

import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

from conftest import PUBLIC, VIDEOS
from picture import picture

SOON = "video-seconds=0"
PROMPT = "A calico cat playing a piano on stage"
PATIENCE = 30


def is_mp4(data):
    return data[4:8] == b"ftyp"


class Side:
    """The sandbox, or models at the simulator."""

    def __init__(self, gateway, name):
        self.origin, self.live = gateway.origin, name == "live"
        self.key = gateway.live_key if self.live else gateway.test_key
        self.other = gateway.key(mode=name if self.live else "test", project=gateway.admin("POST", "/projects", {"name": name})["id"])

    def model(self, vendor):
        return f"{vendor}-video" if self.live else VIDEOS[vendor][1]

    def call(self, method, path, body=None, steer=SOON, key=None):
        """Status and JSON of a call by plain HTTP."""
        request = urllib.request.Request(
            self.origin + path, method=method, data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json", "x-tollgate-sim": steer})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def download(self, link):
        """What a signed link leads to, for whoever has it."""
        assert link.startswith(PUBLIC + "/"), link
        with urllib.request.urlopen(self.origin + link.removeprefix(PUBLIC), timeout=20) as answer:
            return answer.headers["content-type"], answer.read()


@pytest.fixture(scope="module", params=["test", "live"])
def side(gateway, request):
    return Side(gateway, request.param)


def until(look):
    """What `look` gives once it gives something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not end")


# Veo

@pytest.fixture(params=["gemini", "vertex"])
def veo(side, request):
    return Veo(side, request.param)


class Veo:
    """`google-genai` in one of its forms."""

    def __init__(self, side, form):
        self.form, self.side, self.model = form, side, side.model("veo" if form == "gemini" else "vertex")
        # A client that nobody holds is closed, also in the middle of its call.
        self.clients = {}

    def client(self, steer=SOON, key=None):
        if (steer, key) not in self.clients:
            self.clients[steer, key] = self.connect(steer, key)
        return self.clients[steer, key]

    def connect(self, steer, key):
        options = types.HttpOptions(base_url=self.side.origin, headers={"x-tollgate-sim": steer})
        key = key or self.side.key
        if self.form == "gemini":
            return genai.Client(api_key=key, vertexai=False, http_options=options)
        return genai.Client(vertexai=True, project="a-project-of-ours", location="us-central1",
                            credentials=Credentials(token=key), http_options=options)

    def begin(self, steer=SOON, image=None, **config):
        source = types.GenerateVideosSource(prompt=PROMPT, image=image)
        config = types.GenerateVideosConfig(**{"number_of_videos": 1, "duration_seconds": 4} | config)
        return self.client(steer).models.generate_videos(model=self.model, source=source, config=config)

    def ended(self, operation):
        def look():
            seen = self.client().operations.get(operation)
            return seen if seen.done else None
        return until(look)

    def data(self, video):
        """The bytes, by the library's own way to them."""
        if self.form == "vertex":
            return video.video_bytes
        assert video.uri.startswith(PUBLIC + "/v1beta/files/")
        return self.client().files.download(file=video)


def test_veo_made_polled_and_downloaded(veo):
    operation = veo.begin(number_of_videos=2, aspect_ratio="9:16", resolution="720p")
    assert not operation.done and "/operations/" in operation.name
    # The name is the caller's: not a word of the operator's project in it.
    assert "upstream" not in operation.name
    done = veo.ended(operation)
    assert done.name == operation.name and done.error is None
    videos = [each.video for each in done.response.generated_videos]
    assert len(videos) == 2
    assert all(is_mp4(veo.data(video)) for video in videos)


def test_veo_from_a_picture(veo):
    frame = types.Image(image_bytes=picture(1280, 720), mime_type="image/png")
    done = veo.ended(veo.begin(image=frame))
    assert is_mp4(veo.data(done.response.generated_videos[0].video))


def test_veo_filtered_and_failed(veo):
    filtered = veo.ended(veo.begin("video=filtered;video-seconds=0"))
    assert not filtered.response.generated_videos
    assert filtered.response.rai_media_filtered_count == 1 and filtered.response.rai_media_filtered_reasons
    partly = veo.ended(veo.begin("video-partial;video-seconds=0", number_of_videos=2))
    assert len(partly.response.generated_videos) == partly.response.rai_media_filtered_count == 1
    failed = veo.ended(veo.begin("video=failed;video-seconds=0"))
    assert failed.error["code"] and failed.error["message"]


def test_veo_refused(veo):
    with pytest.raises(errors.ClientError) as caught:
        veo.begin(duration_seconds=5)
    assert caught.value.code == 400 and "durationSeconds" in str(caught.value)
    with pytest.raises(errors.ClientError) as caught:
        veo.begin(aspect_ratio="3:1")
    assert caught.value.code == 400
    operation = veo.begin()
    for key, status in ((veo.side.other, 404), ("sk-tg-test-wrong", 401)):
        with pytest.raises(errors.ClientError) as caught:
            veo.client(key=key).operations.get(operation)
        assert caught.value.code == status
    veo.model = "no-such-model"
    with pytest.raises(errors.ClientError) as caught:
        veo.begin()
    assert caught.value.code == 404


def test_a_file_of_veo_is_its_project_s(side):
    veo = Veo(side, "gemini")
    video = veo.ended(veo.begin()).response.generated_videos[0].video
    with pytest.raises(errors.ClientError) as caught:
        veo.client(key=side.other).files.download(file=video)
    assert caught.value.code == 404
    name = video.uri.split("/files/")[1].split(":")[0]
    file = veo.client().files.get(name=f"files/{name}")
    assert file.mime_type == "video/mp4" and file.size_bytes == len(veo.data(video))


# Seedance

ARK = ("/seedance/v3/contents/generations/tasks", "/api/v3/contents/generations/tasks")


def ark_ask(side, **more):
    content = [{"type": "text", "text": PROMPT}]
    return {"model": side.model("ark"), "content": content, "ratio": "16:9", "duration": 5, "resolution": "480p"} | more


def ark_ended(side, path, id):
    def look():
        status, task = side.call("GET", f"{path}/{id}")
        assert status == 200 and task["id"] == id, task
        return task if task["status"] not in ("queued", "running") else None
    return until(look)


@pytest.mark.parametrize("path", ARK)
def test_seedance(side, path):
    status, made = side.call("POST", path, ark_ask(side, return_last_frame=True))
    assert (status, list(made)) == (200, ["id"]), made
    task = ark_ended(side, path, made["id"])
    assert (task["status"], task["duration"], task["ratio"], task["resolution"]) == ("succeeded", 5, "16:9", "480p")
    assert task["usage"]["completion_tokens"] > 0
    kind, data = side.download(task["content"]["video_url"])
    assert kind == "video/mp4" and is_mp4(data)
    assert side.download(task["content"]["last_frame_url"])[0] == "image/png"
    status, found = side.call("GET", f"{path}?page_size=1&filter.status=succeeded&filter.task_ids={made['id']}")
    assert (status, found["total"], found["items"][0]["id"]) == (200, 1, made["id"])
    assert side.call("DELETE", f"{path}/{made['id']}")[0] == 200
    assert side.call("GET", f"{path}/{made['id']}")[0] == 404


def test_seedance_failed_and_refused(side):
    path = ARK[0]
    for steer, word in (("video=failed", "failed"), ("video=filtered", "failed"), ("video=expired", "expired")):
        _, made = side.call("POST", path, ark_ask(side), steer=f"{steer};video-seconds=0")
        task = ark_ended(side, path, made["id"])
        assert task["status"] == word
        if word == "failed":
            assert task["error"]["code"] and task["error"]["message"]
    status, refused = side.call("POST", path, ark_ask(side, duration=99))
    assert status == 400 and refused["error"]["code"] and "duration" in refused["error"]["message"]
    assert side.call("POST", path, ark_ask(side, model="no-such-model"))[0] == 404
    assert side.call("POST", path, ark_ask(side), key="sk-tg-test-wrong")[0] == 401
    _, made = side.call("POST", path, ark_ask(side))
    answers = [side.call("GET", f"{path}/{made['id']}", key=side.other), side.call("GET", f"{path}/cgt-20260101000000-abcde")]
    assert answers[0] == answers[1] and answers[0][0] == 404


# Kling

KLING = ("/kling/v1/videos/text2video", "/kling/v1/videos/image2video")


def kling_ask(side, path, **more):
    ask = {"model_name": side.model("kling"), "prompt": PROMPT, "duration": "5", "mode": "pro"} | more
    if path.endswith("image2video"):
        return ask | {"image": base64.b64encode(picture(720, 720)).decode()}
    return ask | {"aspect_ratio": "16:9"}


def kling_ended(side, path, id):
    def look():
        status, said = side.call("GET", f"{path}/{id}")
        assert (status, said["code"]) == (200, 0), said
        return said["data"] if said["data"]["task_status"] in ("succeed", "failed") else None
    return until(look)


@pytest.mark.parametrize("path", KLING)
def test_kling(side, path):
    name = f"{path}-{side.live}"
    status, said = side.call("POST", path, kling_ask(side, path, external_task_id=name))
    assert (status, said["code"], said["data"]["task_status"]) == (200, 0, "submitted"), said
    id = said["data"]["task_id"]
    data = kling_ended(side, path, id)
    assert (data["task_status"], data["task_id"], data["task_info"]["external_task_id"]) == ("succeed", id, name)
    video = data["task_result"]["videos"][0]
    assert float(video["duration"]) == pytest.approx(5, abs=0.1)
    kind, clip = side.download(video["url"])
    assert kind == "video/mp4" and is_mp4(clip)
    status, listed = side.call("GET", f"{path}?pageNum=1&pageSize=1")
    assert (status, [task["task_id"] for task in listed["data"]]) == (200, [id])
    # The two kinds of tasks do not know each other's.
    elsewhere = next(other for other in KLING if other != path)
    assert side.call("GET", f"{elsewhere}/{id}")[0] == 404


def test_kling_failed_and_refused(side):
    path = KLING[0]
    for steer in ("video=failed", "video=filtered"):
        _, said = side.call("POST", path, kling_ask(side, path), steer=f"{steer};video-seconds=0")
        data = kling_ended(side, path, said["data"]["task_id"])
        assert data["task_status"] == "failed" and data["task_status_msg"]
    for ask, status, code in (
        (kling_ask(side, path, duration="7"), 400, 1201), (kling_ask(side, path, model_name="no-such-model"), 404, None),
        (kling_ask(side, path, mode="fast"), 400, 1201),
    ):
        got, said = side.call("POST", path, ask)
        assert got == status and said["code"] and said["message"] and said["request_id"], said
        assert code is None or said["code"] == code
    status, said = side.call("POST", path, kling_ask(side, path), key="sk-tg-test-wrong")
    assert status == 401 and 1000 <= said["code"] <= 1004
    _, made = side.call("POST", path, kling_ask(side, path))
    assert side.call("GET", f"{path}/{made['data']['task_id']}", key=side.other)[0] == 404
