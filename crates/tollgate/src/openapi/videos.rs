//! `OpenAI`'s Videos, in front of every video model, and Ark's tasks (Seedance).
//!
//! Field facts: `OpenAI`'s API description of 2026-08 (the vendor itself stopped serving it on 2026-09-24; here it is the
//! common form of all video models), Volcengine Ark's SDK of 2026-07.

use super::errors::Envelope;
use super::operation::{GENERATES, Operation, READS, Tag, body, bytes, form};
use super::schema::{Schema, any_of, anything, array, boolean, choice, constant, integer, map, number, object, refer};
use super::schema::{string, uri};
use serde_json::{Value, json};

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        (
            "VideoCreateRequest",
            object()
                .about("A video to make. JSON, or a form where an image is sent as a file.")
                .need("prompt", string().length(1, 32_000))
                .may("model", string().about("Any video model's public name.").example("kling-v2-6"))
                .may(
                    "seconds",
                    any_of([string(), number()]).default("4").about("Length; which ones a model makes differs."),
                )
                .may("size", string().default("720x1280").about("Width and height in pixels, such as `1280x720`."))
                .may(
                    "input_reference",
                    any_of([string(), object().may("image_url", string()).may("file_id", string())])
                        .about("A first frame, of the same size as the video: jpeg, png or webp."),
                ),
        ),
        ("VideoResponse", video()),
        ("VideoRemixRequest", object().need("prompt", string().length(1, 32_000))),
        (
            "VideoListResponse",
            object()
                .about("Videos of this project.")
                .need("object", constant("list"))
                .need("data", array(refer("VideoResponse")))
                .need("first_id", string().or_null())
                .need("last_id", string().or_null())
                .need("has_more", boolean()),
        ),
        (
            "VideoDeleteResponse",
            object().need("id", string()).need("object", constant("video.deleted")).need("deleted", boolean()),
        ),
        ("SeedanceTaskRequest", seedance()),
        ("SeedanceTaskCreateResponse", object().need("id", string().about("The gateway's own id of the task."))),
        ("SeedanceTaskResponse", task()),
        (
            "SeedanceTaskListResponse",
            object().need("items", array(refer("SeedanceTaskResponse"))).need("total", integer()),
        ),
    ]
}

fn video() -> Schema {
    object()
        .about("A video, finished or on its way.")
        .need("id", string().about("The gateway's own; no other project can see it."))
        .need("object", constant("video"))
        .need("model", string())
        .need("status", choice(&["queued", "in_progress", "completed", "failed"]))
        .need("progress", number().range(0, 100))
        .need("created_at", integer().about("Unix seconds."))
        .may("completed_at", integer().or_null())
        .may("expires_at", integer().or_null().about("When the file goes."))
        .may("prompt", string().or_null())
        .may("size", string())
        .may("seconds", string())
        .may("quality", string())
        .may("remixed_from_video_id", string().or_null())
        .may("error", object().need("code", string()).need("message", string()).or_null())
}

fn seedance() -> Schema {
    object()
        .about("A video to make, as Volcengine Ark takes it.")
        .need("model", string().example("doubao-seedance-1-5-pro-251215"))
        .need(
            "content",
            array(
                object()
                    .need("type", string().about("`text`, `image_url`, `video_url`, `audio_url` or `draft_task`."))
                    .may("text", string())
                    .may("image_url", object().need("url", string()))
                    .may("role", string().about("`first_frame`, `last_frame`, `reference_image` …")),
            )
            .items(1, 100),
        )
        .may("ratio", string().about("`16:9`, `4:3`, `1:1`, `3:4`, `9:16`, `21:9` or `adaptive`."))
        .may("resolution", string().default("720p").about("`480p`, `720p`, `1080p`."))
        .may("duration", integer().default(5).about("Seconds."))
        .may("frames", integer().about("Instead of `duration`."))
        .may("seed", integer().default(-1))
        .all(&["watermark", "camera_fixed", "generate_audio", "return_last_frame", "draft"], &boolean())
        .may("service_tier", string().default("default"))
        .may("execution_expires_after", integer().range(3600, 259_200).default(172_800).about("Seconds."))
        .may("callback_url", uri().about("Gets the task whenever its status changes."))
}

fn task() -> Schema {
    object()
        .about("A task, finished or on its way.")
        .need("id", string())
        .need("model", string())
        .need("status", choice(&["queued", "running", "succeeded", "failed", "cancelled", "expired"]))
        .may("error", object().need("code", string()).need("message", string()).or_null())
        .need("created_at", integer().about("Unix seconds."))
        .need("updated_at", integer())
        .may(
            "content",
            object()
                .about("Addresses at this gateway that need no key; they expire.")
                .all(&["video_url", "last_frame_url", "file_url"], &uri()),
        )
        .may("usage", object().need("completion_tokens", integer()).need("total_tokens", integer()))
        .all(&["seed", "duration", "frames", "framespersecond", "execution_expires_after"], &integer())
        .all(&["resolution", "ratio", "service_tier", "revised_prompt"], &string())
        .may("draft_task_id", string().or_null())
        .all(&["generate_audio", "draft"], &boolean())
        .may("tools", array(map(anything())))
}

fn queued() -> Value {
    json!({
        "id": "video_01m86ve7z2cwqw6skk6cf7a94f", "object": "video", "model": "kling-v2-6", "status": "queued",
        "progress": 0, "created_at": 1_760_397_186, "size": "1280x720", "seconds": "5",
    })
}

fn succeeded() -> Value {
    json!({
        "id": "cgt-01m86ve7z2cwqw6skk6cf7a94f", "model": "doubao-seedance-1-5-pro-251215", "status": "succeeded",
        "content": { "video_url": "http://127.0.0.1:8080/files/…" },
        "usage": { "completion_tokens": 108_900, "total_tokens": 108_900 },
        "created_at": 1_779_348_818, "updated_at": 1_779_348_874, "resolution": "720p", "ratio": "16:9", "duration": 5,
    })
}

pub(super) fn operations() -> Vec<Operation> {
    let mut all = openai();
    all.extend(ark());
    all
}

fn openai() -> Vec<Operation> {
    let new = |method, path, id, summary| Operation::new((method, path), id, Tag::Videos, Envelope::OpenAi, summary);
    let video = || body(refer("VideoResponse")).example("queued", "Queued", queued());
    let request = json!({
        "model": "kling-v2-6", "prompt": "A calico cat playing a piano on stage", "seconds": "5", "size": "1280x720",
    });
    vec![
        new("POST", "/v1/videos", "createVideo", "Create a video")
            .about(
                "Any video model: Kling, Seedance, Veo and compatible ones. The answer comes at once; ask `GET /v1/videos/{video_id}` \
                 until `status` is `completed` or `failed`. Asking costs nothing; a video that fails, is filtered or \
                 expires costs nothing either.",
            )
            .takes(body(refer("VideoCreateRequest")).example("text", "From text", request))
            .takes(form(refer("VideoCreateRequest")))
            .generates("The video, queued.", [video()]),
        new("GET", "/v1/videos", "listVideos", "List videos")
            .query("limit", integer().range(0, 100).default(20), "Videos on a page.")
            .query("order", choice(&["asc", "desc"]).default("desc"), "Oldest or newest first.")
            .query("after", string(), "The last video of the page before.")
            .gives(
                200,
                "A page.",
                [body(refer("VideoListResponse")).example(
                    "page",
                    "A page",
                    json!({
                        "object": "list", "data": [queued()], "first_id": "video_01m86ve7z2cwqw6skk6cf7a94f",
                        "last_id": "video_01m86ve7z2cwqw6skk6cf7a94f", "has_more": false,
                    }),
                )],
            ),
        new("GET", "/v1/videos/{video_id}", "getVideo", "Get a video's status")
            .gives(200, "The video as it is now.", [video()]),
        new("DELETE", "/v1/videos/{video_id}", "deleteVideo", "Delete a video")
            .about("Only one that is completed or failed.")
            .gives(
                200,
                "It is gone.",
                [body(refer("VideoDeleteResponse")).example(
                    "deleted",
                    "Gone",
                    json!({ "id": "video_01m86ve7z2cwqw6skk6cf7a94f", "object": "video.deleted", "deleted": true }),
                )],
            )
            .fails(&[400, 401, 403, 404, 429, 500]),
        new("GET", "/v1/videos/{video_id}/content", "getVideoContent", "Download a video")
            .about("`Range` works.")
            .query("variant", choice(&["video", "thumbnail", "spritesheet"]).default("video"), "Which file.")
            .header("Range", string().example("bytes=0-1023"), "A part of the file.")
            .gives(200, "The file.", [bytes("video/mp4"), bytes("image/webp"), bytes("image/jpeg")])
            .gives(206, "A part of it.", [bytes("video/mp4")])
            .fails(&[400, 401, 403, 404, 416, 429, 500, 502]),
        new("POST", "/v1/videos/{video_id}/remix", "remixVideo", "Remix a video")
            .about("Makes a new video from a completed one, at the account that made it.")
            .takes(body(refer("VideoRemixRequest")).example(
                "prompt",
                "Another prompt",
                json!({ "prompt": "The same cat, at night" }),
            ))
            .generates("The new video, queued.", [video()]),
    ]
}

fn ark() -> Vec<Operation> {
    const TASKS: &str = "/seedance/v3/contents/generations/tasks";
    const TASK: &str = "/seedance/v3/contents/generations/tasks/{task_id}";
    const ALSO: &[&str] = &["/api/v3/contents/generations/tasks"];
    const ONE_ALSO: &[&str] = &["/api/v3/contents/generations/tasks/{task_id}"];
    let new = |method, path, id, summary| Operation::new((method, path), id, Tag::Seedance, Envelope::Ark, summary);
    vec![
        new("POST", TASKS, "createSeedanceTask", "Create a Seedance video")
            .also(ALSO)
            .about("Volcengine Ark's own form. The answer comes at once; ask for the task until it is `succeeded` or ended otherwise.")
            .takes(body(refer("SeedanceTaskRequest")).example(
                "text",
                "From text",
                json!({
                    "model": "doubao-seedance-1-5-pro-251215",
                    "content": [{
                        "type": "text",
                        "text": "A girl walking through a sunlit meadow, wind gently blowing her hair, cinematic lighting",
                    }],
                    "ratio": "16:9", "duration": 5, "watermark": false,
                }),
            ))
            .generates(
                "The task's id.",
                [body(refer("SeedanceTaskCreateResponse")).example(
                    "id",
                    "An id",
                    json!({ "id": "cgt-01m86ve7z2cwqw6skk6cf7a94f" }),
                )],
            ),
        new("GET", TASKS, "listSeedanceTasks", "List Seedance tasks")
            .also(ALSO)
            .query("page_num", integer().least(1).default(1), "Which page.")
            .query("page_size", integer().range(1, 500).default(10), "Tasks on a page.")
            .query("filter.status", string(), "Only tasks of this status.")
            .query("filter.model", string(), "Only tasks of this model.")
            .gives(
                200,
                "A page.",
                [body(refer("SeedanceTaskListResponse")).example(
                    "page",
                    "A page",
                    json!({ "items": [succeeded()], "total": 1 }),
                )],
            )
            .fails(READS),
        new("GET", TASK, "getSeedanceTask", "Retrieve a Seedance task")
            .also(ONE_ALSO)
            .gives(200, "The task as it is now.", [body(refer("SeedanceTaskResponse")).example("done", "Done", succeeded())]),
        new("DELETE", TASK, "deleteSeedanceTask", "Cancel or remove a Seedance task")
            .also(ONE_ALSO)
            .about("One that is queued is cancelled, one that has ended is removed.")
            .gives(200, "Done.", [body(object())])
            .fails(GENERATES),
    ]
}
