//! Following video tasks: operators' lists of them, and webhooks.

use super::admin::page;
use super::operation::{Operation, Tag, body};
use super::schema::{Schema, anything, array, boolean, choice, integer, map, object, refer, string, time, uri, usd};
use serde_json::json;

/// What webhooks hear of.
const EVENTS: [&str; 5] = ["video.in_progress", "video.completed", "video.failed", "video.cancelled", "video.expired"];

/// Of a task.
fn state() -> Schema {
    choice(&[
        "reserved",
        "submitting",
        "submitted",
        "submit_unknown",
        "running",
        "succeeded",
        "failed",
        "cancelled",
        "expired",
        "needs_attention",
    ])
}

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("Task", task()),
        (
            "WebhookCreate",
            object()
                .about("Where signed task events go (Standard Webhooks).")
                .need("url", uri().about("https, and no private address."))
                .may("events", array(choice(&EVENTS)).about("None means all."))
                .may("project", string().about("Only this project's tasks; without it, every project's.")),
        ),
        (
            "Webhook",
            object()
                .about("A receiver of task events.")
                .need("id", string())
                .need("url", uri())
                .need("events", array(choice(&EVENTS)).about("None means all."))
                .need("project", string().or_null())
                .need("created_at", time())
                .need("disabled_at", time().or_null())
                .need("reason", string().or_null().about("Why it is off."))
                .may("secret", string().about("`whsec_…`; only where it is new, and this once.")),
        ),
        ("WebhookMessage", message()),
    ]
}

fn task() -> Schema {
    object()
        .about("A video task as operators see it.")
        .need("id", string().about("`task_…`"))
        .need("public_id", string().about("The one that its caller has."))
        .need("request_id", string())
        .need("book", choice(&["live", "test"]))
        .need("state", state())
        .need("dialect", string().about("The form in which it was asked for."))
        .all(&["project", "key", "model"], &string())
        .all(&["provider", "upstream_model", "upstream_id", "external_id", "callback_url"], &string().or_null())
        .need("seconds", integer().about("Of one video."))
        .need("samples", integer().about("Videos asked for."))
        .need("filtered", integer().about("Videos that the provider held back."))
        .may("prompt", string().or_null().about("Where the form has it in its answers; only of one task."))
        .may("size", string().or_null())
        .need("archive", choice(&["none", "pending", "stored", "gone"]))
        .need(
            "files",
            array(
                object()
                    .need("role", string())
                    .need("index", integer())
                    .need("content_type", string())
                    .need("bytes", integer())
                    .may(
                        "link",
                        string().about("A path at the data plane that needs no key, for two hours; only of one task."),
                    ),
            ),
        )
        .need("settlement", choice(&["open", "due", "settled"]))
        .need("held_usd", usd())
        .need("cost_usd", usd().or_null().about("Null while it is under way."))
        .need("error", object().need("code", string()).need("message", string()).or_null())
        .need("attempts", integer())
        .all(&["created_at", "updated_at", "deadline"], &time())
        .all(&["sent_at", "finished_at", "expires_at", "deleted_at"], &time().or_null())
        .may(
            "history",
            array(object().need("at", time()).need("state", string()).need("note", string().or_null()))
                .about("Only of one task."),
        )
        .may("messages", array(refer("WebhookMessage")).about("Who was told; only of one task."))
}

fn message() -> Schema {
    object()
        .about("One event for one receiver, and how telling it went.")
        .need("id", string().about("Sent as `webhook-id`, each time the same."))
        .need("webhook", string().or_null().about("Null where the caller named the address."))
        .need("url", uri())
        .need("event", choice(&EVENTS))
        .need("status", choice(&["waiting", "delivered", "failed", "dropped"]))
        .need("attempts", integer())
        .need("created_at", time())
        .all(&["next_at", "delivered_at", "failed_at"], &time().or_null())
        .need("last_status", integer().or_null())
        .need("last_error", string().or_null())
        .need("payload", map(anything()).about("What is sent."))
}

pub(super) fn operations() -> Vec<Operation> {
    let new = |method, path, id, summary| Operation::admin(method, path, id, Tag::Running, summary);
    vec![
        new("GET", "/admin/v1/tasks", "listTasks", "Video tasks")
            .paged()
            .query("book", choice(&["live", "test"]), "Only this book's.")
            .query("state", state(), "Only those in this state.")
            .query("project", string(), "Only this project's.")
            .query("key", string(), "Only this key's.")
            .query("provider", string(), "Only this provider's.")
            .query("model", string(), "Only this model's, by its public name.")
            .gives(200, "Newest first.", [body(page("Task"))]),
        new("GET", "/admin/v1/tasks/{task_id}", "getTask", "One video task, with its history")
            .about("By its id here, or by the one that its caller has.")
            .gives(200, "The task.", [body(refer("Task"))]),
        new("POST", "/admin/v1/webhooks", "createWebhook", "Create a webhook")
            .takes(body(refer("WebhookCreate")).example(
                "all",
                "All events",
                json!({ "url": "https://example.com/tollgate" }),
            ))
            .gives(201, "The webhook, with its secret this once.", [body(refer("Webhook"))]),
        new("GET", "/admin/v1/webhooks", "listWebhooks", "List webhooks").paged().gives(
            200,
            "Newest first.",
            [body(page("Webhook"))],
        ),
        new("GET", "/admin/v1/webhooks/{webhook_id}", "getWebhook", "One webhook").gives(
            200,
            "The webhook.",
            [body(refer("Webhook"))],
        ),
        new("PATCH", "/admin/v1/webhooks/{webhook_id}", "updateWebhook", "Switch a webhook off or on")
            .takes(body(object().need("disabled", boolean().about("Whether it is told nothing."))).example(
                "off",
                "Off",
                json!({ "disabled": true }),
            ))
            .gives(200, "The webhook as it is now.", [body(refer("Webhook"))]),
        new("POST", "/admin/v1/webhooks/{webhook_id}/rotate", "rotateWebhook", "Give a webhook a new secret")
            .about("The secret before signs beside the new one for a day.")
            .gives(200, "The webhook, with its new secret this once.", [body(refer("Webhook"))]),
        new("GET", "/admin/v1/webhooks/{webhook_id}/messages", "listWebhookMessages", "What a webhook was told")
            .paged()
            .gives(200, "Newest first.", [body(page("WebhookMessage"))]),
        new(
            "POST",
            "/admin/v1/webhooks/{webhook_id}/messages/{message_id}/replay",
            "replayWebhookMessage",
            "Tell a webhook again",
        )
        .about("Under the same message id, from its first try on.")
        .gives(200, "The message, due now.", [body(refer("WebhookMessage"))]),
        new("DELETE", "/admin/v1/webhooks/{webhook_id}", "deleteWebhook", "Delete a webhook").gives(
            200,
            "It is gone.",
            [body(refer("Webhook"))],
        ),
    ]
}
