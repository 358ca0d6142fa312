//! Kling's and Veo's video tasks. Field facts: Kling's API and its public clients of 2026-08, Vertex AI's API of 2026-08.

use super::errors::Envelope;
use super::operation::{Operation, Tag, body};
use super::schema::{Schema, anything, array, boolean, choice, integer, map, number, object, refer, string, uri};
use serde_json::{Value, json};

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("KlingText2VideoRequest", text2video()),
        ("KlingImage2VideoRequest", image2video()),
        ("KlingTaskResponse", envelope("A task that was taken.", kling_task())),
        ("KlingTaskDetailResponse", envelope("A task as it is now. A failed one has code 0 too.", kling_detail())),
        ("KlingTaskListResponse", envelope("Tasks of this project.", array(kling_detail()))),
        (
            "VeoGenerateRequest",
            object()
                .about("A video to make, as Vertex AI takes it. What names the caller's own cloud storage is refused.")
                .need(
                    "instances",
                    array(
                        object()
                            .may("prompt", string())
                            .all(&["image", "lastFrame", "video", "mask"], &map(anything()))
                            .may("referenceImages", array(map(anything()))),
                    )
                    .items(1, 1),
                )
                .may("parameters", veo_parameters()),
        ),
        ("VeoOperationResponse", object().need("name", string().about("To be asked for with fetchPredictOperation."))),
        ("VeoFetchOperationRequest", object().need("operationName", string())),
        (
            "VeoFetchOperationResponse",
            object()
                .about("The operation as it is now; unfinished while `done` is missing or false.")
                .need("name", string())
                .may("done", boolean())
                .may("metadata", map(anything()))
                .may(
                    "response",
                    object()
                        .may("@type", string())
                        .may("raiMediaFilteredCount", integer())
                        .may("raiMediaFilteredReasons", array(string()))
                        .may(
                            "videos",
                            array(
                                object()
                                    .may(
                                        "gcsUri",
                                        string().about("An address at this gateway; it takes the caller's key."),
                                    )
                                    .may("bytesBase64Encoded", string())
                                    .may("mimeType", string()),
                            ),
                        )
                        .may("generateVideoResponse", map(anything()).about("On Gemini's paths.")),
                )
                .may(
                    "error",
                    object().need("code", integer()).need("message", string()).may("details", array(map(anything()))),
                ),
        ),
    ]
}

fn common(request: Schema) -> Schema {
    request
        .may("model_name", string().default("kling-v1").example("kling-v2-6"))
        .may("negative_prompt", string().length(0, 2500))
        .may("cfg_scale", number().range(0, 1).default(0.5))
        .may("mode", choice(&["std", "pro"]).default("std"))
        .may("sound", choice(&["on", "off"]).default("off").about("From `kling-v2-6` on; there it needs `pro`."))
        .may("duration", string().default("5").about("Seconds, as text."))
        .may("camera_control", object().may("type", string()).may("config", map(number())))
        .may("multi_shot", boolean())
        .may("shot_type", string())
        .may("multi_prompt", array(map(anything())))
        .may("voice_list", array(object().need("voice_id", string())).items(0, 2))
        .may("watermark_info", object().may("enabled", boolean()))
        .may("callback_url", uri())
        .may("external_task_id", string().about("Your own id of the task."))
}

fn text2video() -> Schema {
    common(object().about("A video from text.").need("prompt", string().length(0, 2500)))
        .may("aspect_ratio", choice(&["16:9", "9:16", "1:1"]).default("16:9"))
}

fn image2video() -> Schema {
    let image = "An address or bare base64 (no `data:` prefix) of a jpeg or png.";
    common(object().about("A video from an image; at least one of `image` and `image_tail`."))
        .may("prompt", string().length(0, 2500))
        .may("image", string().about(image))
        .may("image_tail", string().about("The last frame, in the same form."))
        .may("static_mask", string())
        .may("dynamic_masks", array(map(anything())).items(0, 6))
        .may("element_list", array(map(anything())).items(0, 3))
}

fn kling_task() -> Schema {
    object()
        .need("task_id", string().about("The gateway's own id."))
        .need("task_status", choice(&["submitted", "processing", "succeed", "failed"]))
        .may("task_info", object().may("external_task_id", string()))
        .need("created_at", integer().about("Milliseconds."))
        .need("updated_at", integer())
}

fn kling_detail() -> Schema {
    kling_task().may("task_status_msg", string()).may(
        "task_result",
        object().may(
            "videos",
            array(
                object()
                    .need("id", string())
                    .need("url", uri().about("An address at this gateway that needs no key; it expires."))
                    .may("duration", string())
                    .may("watermark_url", uri()),
            ),
        ),
    )
}

fn envelope(about: &str, data: Schema) -> Schema {
    object()
        .about(about)
        .need("code", integer().about("0 is success."))
        .need("message", string())
        .need("request_id", string())
        .may("data", data)
}

fn veo_parameters() -> Schema {
    object()
        .may("sampleCount", integer().range(1, 4))
        .may("durationSeconds", integer().about("4, 6 or 8; 5 to 8 for Veo 2."))
        .may("aspectRatio", choice(&["16:9", "9:16"]))
        .may("resolution", string().about("`720p`, `1080p`, `4k`."))
        .may("seed", integer().least(0))
        .may("personGeneration", string())
        .may("generateAudio", boolean())
        .may("negativePrompt", string())
        .may("enhancePrompt", boolean())
        .may("fps", integer())
        .may("compressionQuality", string())
        .may("resizeMode", string())
}

fn submitted() -> Value {
    json!({
        "code": 0, "message": "SUCCEED", "request_id": "req_01m86ve7z2cwqw6skk6cf7a94f",
        "data": {
            "task_id": "867283741759111202", "task_status": "submitted", "task_info": {},
            "created_at": 1_774_805_076_166_i64, "updated_at": 1_774_805_076_166_i64,
        },
    })
}

fn succeeded() -> Value {
    json!({
        "code": 0, "message": "SUCCEED", "request_id": "req_01m86ve7z2cwqw6skk6cf7a94f",
        "data": {
            "task_id": "867283741759111202", "task_status": "succeed", "task_status_msg": "", "task_info": {},
            "task_result": { "videos": [{ "id": "1", "url": "http://127.0.0.1:8080/files/…", "duration": "5.041" }] },
            "created_at": 1_774_805_076_166_i64, "updated_at": 1_774_805_196_166_i64,
        },
    })
}

pub(super) fn operations() -> Vec<Operation> {
    let mut all = kling();
    all.extend(veo());
    all
}

fn kling() -> Vec<Operation> {
    let new = |method, path, id, summary| Operation::new((method, path), id, Tag::Kling, Envelope::Kling, summary);
    let taken = || [body(refer("KlingTaskResponse")).example("submitted", "Submitted", submitted())];
    let one = || [body(refer("KlingTaskDetailResponse")).example("done", "Done", succeeded())];
    let list = |operation: Operation| {
        operation
            .query("pageNum", integer().range(1, 1000).default(1), "Which page.")
            .query("pageSize", integer().range(1, 500).default(30), "Tasks on a page.")
            .gives(200, "A page.", [body(refer("KlingTaskListResponse"))])
    };
    vec![
        new("POST", "/kling/v1/videos/text2video", "createKlingText2Video", "Create a Kling video from text")
            .about("Kling's own form. `sound` works on `kling-v2-6` and later; set it to `on` for audio.")
            .takes(body(refer("KlingText2VideoRequest")).example(
                "text",
                "From text",
                json!({
                    "model_name": "kling-v2-6",
                    "prompt": "A cute little rabbit wearing glasses, sitting at a table, reading a newspaper",
                    "duration": "5", "mode": "pro", "sound": "on", "aspect_ratio": "16:9",
                }),
            ))
            .generates("The task.", taken()),
        list(new("GET", "/kling/v1/videos/text2video", "listKlingText2Videos", "List Kling text-to-video tasks")),
        new(
            "GET",
            "/kling/v1/videos/text2video/{task_id}",
            "getKlingText2Video",
            "Retrieve a Kling text-to-video task",
        )
        .gives(200, "The task as it is now.", one()),
        new("POST", "/kling/v1/videos/image2video", "createKlingImage2Video", "Create a Kling video from an image")
            .takes(body(refer("KlingImage2VideoRequest")).example(
                "image",
                "From an image",
                json!({
                    "model_name": "kling-v2-6", "image": "https://example.com/rabbit.png",
                    "prompt": "The rabbit turns the page", "duration": "5",
                }),
            ))
            .generates("The task.", taken()),
        list(new("GET", "/kling/v1/videos/image2video", "listKlingImage2Videos", "List Kling image-to-video tasks")),
        new(
            "GET",
            "/kling/v1/videos/image2video/{task_id}",
            "getKlingImage2Video",
            "Retrieve a Kling image-to-video task",
        )
        .gives(200, "The task as it is now.", one()),
    ]
}

fn veo() -> Vec<Operation> {
    let new = |method, path, id, summary| Operation::new((method, path), id, Tag::Veo, Envelope::Google, summary);
    let name =
        "projects/tollgate/locations/global/publishers/google/models/veo-3.1-generate-001/operations/op_01m86ve7z2";
    let now = || {
        [body(refer("VeoFetchOperationResponse")).example(
            "done",
            "Done",
            json!({
                "name": name, "done": true,
                "response": {
                    "@type": "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse",
                    "raiMediaFilteredCount": 0,
                    "videos": [{ "gcsUri": "http://127.0.0.1:8080/files/…", "mimeType": "video/mp4" }],
                },
            }),
        )]
    };
    vec![
        new("POST", "/v1beta/models/{model}:predictLongRunning", "predictLongRunning", "Create a Veo video")
            .also(&[
                "/v1/models/{model}:predictLongRunning",
                "/veo/v1/models/{model}:predictLongRunning",
                "/veo/v1beta/models/{model}:predictLongRunning",
                "/v1/projects/{project}/locations/{location}/publishers/google/models/{model}:predictLongRunning",
            ])
            .about("Google's own form. The answer names an operation; ask for it until `done` is true.")
            .takes(body(refer("VeoGenerateRequest")).example(
                "text",
                "From text",
                json!({
                    "instances": [{ "prompt": "A paper boat on a quiet lake at dawn" }],
                    "parameters": { "durationSeconds": 4, "aspectRatio": "16:9", "sampleCount": 1 },
                }),
            ))
            .generates(
                "The operation's name.",
                [body(refer("VeoOperationResponse")).example("name", "A name", json!({ "name": name }))],
            ),
        new(
            "POST",
            "/v1beta/models/{model}:fetchPredictOperation",
            "fetchPredictOperation",
            "Fetch a Veo video's status",
        )
        .also(&[
            "/v1/models/{model}:fetchPredictOperation",
            "/veo/v1/models/{model}:fetchPredictOperation",
            "/veo/v1beta/models/{model}:fetchPredictOperation",
            "/v1/projects/{project}/locations/{location}/publishers/google/models/{model}:fetchPredictOperation",
        ])
        .takes(body(refer("VeoFetchOperationRequest")).example("name", "A name", json!({ "operationName": name })))
        .gives(200, "The operation as it is now.", now())
        .fails(&[400, 401, 403, 404, 429, 500]),
        new("GET", "/v1beta/models/{model}/operations/{operation}", "getVeoOperation", "Get an operation by its name")
            .also(&[
                "/v1/models/{model}/operations/{operation}",
                "/veo/v1/models/{model}/operations/{operation}",
                "/veo/v1beta/models/{model}/operations/{operation}",
                "/v1/projects/{project}/locations/{location}/publishers/google/models/{model}/operations/{operation}",
            ])
            .about("Any path of the form `/v1beta/` and the operation's name, as clients of the Gemini API ask.")
            .gives(200, "The operation as it is now.", now()),
    ]
}
