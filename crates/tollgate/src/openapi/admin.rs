//! The admin API.

use super::explain;
use super::operation::{ADMIN, Operation, Tag, body};
use super::own::charged;
use super::schema::{Schema, any_of, anything, array, boolean, choice, integer, map, number, object, refer, string};
use super::schema::{time, usd};
use serde_json::json;

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    let mut all = keys();
    all.extend(books());
    all.extend(running());
    all
}

fn keys() -> Vec<(&'static str, Schema)> {
    let mode = || choice(&["strict", "soft", "meter"]).default("strict");
    let carries = |schema: Schema| {
        schema
            .may(
                "allowed_models",
                array(string()).items(0, 100).about("Globs over public model names; empty means all."),
            )
            .may("allowed_ips", array(string()).items(0, 100).about("Addresses and ranges; empty means all."))
            .may("expires_at", time().or_null())
            .may("budget", any_of([refer("Budget")]).or_null())
            .may("limits", refer("Limits"))
            .may("metadata", map(string().or_null()).about("For your own use; at most 50."))
    };
    let name = || string().length(1, 200);
    let shown = |schema: Schema| schema.need("created_at", time()).need("updated_at", time());
    vec![
        (
            "Budget",
            object()
                .about("An amount for a window of time, in UTC.")
                .need("limit_usd", string().about("Decimal, at most nine decimals.").example("250"))
                .need("window", choice(&["total", "day", "week", "month"]))
                .may("mode", mode()),
        ),
        (
            "KeyCreate",
            carries(
                object()
                    .about("A key to make. Unknown fields are refused.")
                    .need("name", name())
                    .need("mode", choice(&["live", "test"]))
                    .may("project", string().default("proj_default")),
            ),
        ),
        (
            "KeyChange",
            carries(
                object()
                    .about("What is given is set, null clears, what is absent stays; inside objects too.")
                    .may("name", name()),
            ),
        ),
        (
            "Key",
            shown(carries(
                object()
                    .about("A key as operators see it; never its secret.")
                    .need("id", string())
                    .need("hint", string().about("How the secret begins and ends."))
                    .need("name", string())
                    .need("mode", choice(&["live", "test"]))
                    .need("status", choice(&["active", "expired", "revoked"]))
                    .need("project", string()),
            ))
            .need("revoked_at", time().or_null()),
        ),
        (
            "KeyCreated",
            object().about("The new key, with its secret this once.").need("id", string()).need("key", string()),
        ),
        (
            "ProjectCreate",
            object()
                .about("A project to make.")
                .need("name", name())
                .may("budget", any_of([refer("Budget")]).or_null())
                .may("limits", refer("Limits"))
                .may("metadata", map(string().or_null())),
        ),
        (
            "ProjectChange",
            object()
                .about("What is given is set, null clears, what is absent stays.")
                .may("name", name())
                .may("budget", any_of([refer("Budget")]).or_null())
                .may("limits", refer("Limits"))
                .may("metadata", map(string().or_null())),
        ),
        (
            "Project",
            shown(
                object()
                    .about("Keys that share a budget and limits, and see each other's objects.")
                    .need("id", string())
                    .need("name", string())
                    .may("budget", any_of([refer("Budget")]).or_null())
                    .may("limits", refer("Limits"))
                    .may("metadata", map(string())),
            ),
        ),
    ]
}

fn books() -> Vec<(&'static str, Schema)> {
    let rate = usd();
    let rates = || {
        object()
            .all(
                &[
                    "input_per_million",
                    "cache_read_per_million",
                    "cache_write_5m_per_million",
                    "cache_write_1h_per_million",
                    "output_per_million",
                    "reasoning_per_million",
                    "audio_input_per_million",
                    "audio_output_per_million",
                    "image_input_per_million",
                    "image_output_per_million",
                    "audio_per_minute",
                    "per_image",
                    "tool_calls_per_thousand",
                ],
                &rate,
            )
            .may("video_per_second", map(usd()))
    };
    vec![
        (
            "LedgerEntry",
            charged(object().about("A charge or refund as booked.").need("id", string()))
                .need("kind", choice(&["charge", "refund"]))
                .may("cause", string().about("Of a refund."))
                .may("note", string().or_null()),
        ),
        (
            "Request",
            charged(object().about("A line of the request log.").need("id", string()))
                .may("charge_id", string())
                .need("status", integer())
                .need("outcome", string())
                .may(
                    "provider_cost_usd",
                    usd().about("What the provider bills the operator, failed attempts included."),
                )
                .may("stream", boolean())
                .may("error", string().or_null())
                .may("total_ms", number())
                .may("first_byte_ms", number().or_null())
                .may("stages_ms", object().all(&["auth", "plan", "answer"], &number()))
                .may("attempts", integer())
                .may("failed_attempts", array(map(anything())))
                .may("upstream_request_id", string().or_null())
                .may("translation", string().or_null())
                .may("receipt", refer("Receipt")),
        ),
        (
            "UsageRow",
            object()
                .about("Sums, and the values they are grouped by.")
                .all(&["key", "project", "model", "provider", "day", "hour", "endpoint"], &string())
                .need("requests", integer())
                .need("errors", integer())
                .need("cost_usd", usd())
                .need("provider_cost_usd", usd())
                .all(&["input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens"], &integer())
                .all(&["audio_seconds", "video_seconds"], &number()),
        ),
        (
            "RefundCreate",
            object()
                .about("Money back for one request. A cause gives back once.")
                .need("request_id", string().about("Of the request or of its charge."))
                .need("cause", string())
                .may("amount_usd", string().about("Decimal, at most nine decimals; without it, all that is left."))
                .may("note", string().length(0, 500)),
        ),
        (
            "Verification",
            object()
                .need("ok", boolean())
                .need("checked", map(integer()))
                .need("violations", array(object().need("invariant", string()).need("detail", string()))),
        ),
        (
            "Price",
            object()
                .about("What a model costs at a kind of provider.")
                .need("provider", string().about("The kind."))
                .need("model", string())
                .need("state", choice(&["priced", "unpriced"]))
                .may("version", string())
                .may("effective_from", string())
                .may("source", choice(&["catalogue", "config"]))
                .may("rates", rates().or_null())
                .may("tiers", array(object().need("above_input_tokens", integer()).need("rates", rates())))
                .may("other_rates", array(map(anything())).about("Of service tiers and hours.")),
        ),
        (
            "Timings",
            object()
                .about("How long requests took, over slices of the time asked for.")
                .need("sampled", boolean().about("More requests fell into that time than were looked at."))
                .need(
                    "data",
                    array(object().need("from", time()).need("requests", integer()).all(
                        &["first_byte_p50_ms", "first_byte_p95_ms", "total_p50_ms", "total_p95_ms"],
                        &number().or_null(),
                    )),
                )
                .need("all", map(anything()).about("The same over the whole time.")),
        ),
    ]
}

fn running() -> Vec<(&'static str, Schema)> {
    vec![
        (
            "Provider",
            object()
                .about("A configured provider and how it is.")
                .need("name", string())
                .need("kind", string())
                .need("base_url", string())
                .need("protocols", array(string()))
                .need("found", choice(&["table", "environment"]).about("Who named it."))
                .need(
                    "accounts",
                    array(
                        object()
                            .need("state", choice(&["ready", "doubted", "resting"]))
                            .need("weight", integer())
                            .may("rests_for_ms", integer())
                            .may("rate_limited", boolean())
                            .may("left", map(integer()).about("What the vendor said is left of its rates.")),
                    ),
                )
                .need("timeouts_ms", map(integer()))
                .may("models", integer().about("Public names that it serves.")),
        ),
        (
            "ProviderTest",
            object()
                .about("What came of asking a provider for its models. Nothing is generated or billed.")
                .need("ok", boolean())
                .need(
                    "accounts",
                    array(
                        object()
                            .need("ok", boolean())
                            .may("status", integer().or_null())
                            .may("took_ms", number())
                            .may("models", integer().or_null())
                            .may("error", string().or_null()),
                    ),
                ),
        ),
        (
            "ResolvedModel",
            object()
                .about("A public model name and where requests for it go.")
                .need("name", string())
                .need(
                    "targets",
                    array(
                        object()
                            .need("provider", string())
                            .need("kind", string())
                            .need("model", string())
                            .need("priority", integer())
                            .need("weight", integer())
                            .need("state", choice(&["ready", "doubted", "resting"]))
                            .need("priced", boolean()),
                    ),
                )
                .may("modes", array(string()))
                .all(&["context_window", "max_output_tokens"], &integer().or_null())
                .may("retires", string().or_null()),
        ),
        (
            "AuditRow",
            object()
                .about("One write, and who made it.")
                .need("id", string())
                .need("at", time())
                .need("actor", string())
                .need("peer", string().or_null())
                .need("action", string())
                .need("object", string())
                .need("before", map(anything()).or_null())
                .need("after", map(anything()).or_null()),
        ),
        ("ExplainRequest", explain::request()),
        ("Explanation", explain::plan()),
        ("Settings", map(anything()).about("The configuration in force, without secrets.")),
    ]
}

/// A page of a list.
pub(super) fn page(of: &str) -> Schema {
    object()
        .need("data", array(refer(of)))
        .need("next", string().or_null().about("Send it as `after` for the next page; null at the end."))
}

pub(super) fn operations() -> Vec<Operation> {
    let mut all = keys_operations();
    all.extend(money());
    all.extend(running_operations());
    all
}

fn keys_operations() -> Vec<Operation> {
    const CHANGES: &[u16] = &[400, 401, 404, 409, 413, 429, 500, 503];
    const CREATES: &[u16] = &[400, 401, 413, 429, 500, 503];
    let new = |method, path, id, summary| Operation::admin(method, path, id, Tag::Keys, summary);
    let key = || [body(refer("Key"))];
    let project = || [body(refer("Project"))];
    vec![
        new("POST", "/admin/v1/keys", "createKey", "Create a key")
            .about("The secret is in this answer and nowhere else.")
            .takes(
                body(refer("KeyCreate"))
                    .example("test", "A test key", json!({ "name": "my laptop", "mode": "test" }))
                    .example(
                        "live",
                        "A live key with limits",
                        json!({
                            "name": "search", "mode": "live", "allowed_models": ["gpt-*"],
                            "budget": { "limit_usd": "250", "window": "month" },
                            "limits": { "requests_per_minute": 60 }, "metadata": { "team": "search" },
                        }),
                    ),
            )
            .gives(201, "The key.", [body(refer("KeyCreated"))])
            .fails(CREATES),
        new("GET", "/admin/v1/keys", "listKeys", "List keys")
            .paged()
            .query("project", string(), "Only its keys.")
            .gives(200, "Newest first.", [body(page("Key"))])
            .fails(ADMIN),
        new("GET", "/admin/v1/keys/{key_id}", "getAdminKey", "Get a key").gives(200, "The key.", key()),
        new("PATCH", "/admin/v1/keys/{key_id}", "updateKey", "Change a key")
            .about("In force when it is answered.")
            .takes(body(refer("KeyChange")).example("limits", "Limits", json!({ "limits": { "concurrency": 4 } })))
            .gives(200, "The key as it is now.", key())
            .fails(CHANGES),
        new("DELETE", "/admin/v1/keys/{key_id}", "revokeKey", "Revoke a key")
            .about("For ever. Requests that are running finish. Again is no error.")
            .gives(200, "The key as it is now.", key()),
        new("POST", "/admin/v1/projects", "createProject", "Create a project")
            .takes(body(refer("ProjectCreate")).example(
                "budget",
                "With a budget",
                json!({ "name": "search", "budget": { "limit_usd": "250", "window": "month" } }),
            ))
            .gives(201, "The project.", project())
            .fails(CREATES),
        new("GET", "/admin/v1/projects", "listProjects", "List projects").paged().gives(
            200,
            "Newest first.",
            [body(page("Project"))],
        ),
        new("GET", "/admin/v1/projects/{project_id}", "getProject", "Get a project").gives(
            200,
            "The project.",
            project(),
        ),
        new("PATCH", "/admin/v1/projects/{project_id}", "updateProject", "Change a project")
            .takes(body(refer("ProjectChange")).example("budget", "No budget", json!({ "budget": null })))
            .gives(200, "The project as it is now.", project())
            .fails(CHANGES),
    ]
}

fn money() -> Vec<Operation> {
    let new = |path, id, summary| Operation::admin("GET", path, id, Tag::Money, summary);
    let book = || choice(&["live", "test"]);
    let filtered = |operation: Operation| {
        operation
            .paged()
            .query("key", string(), "Only this key's.")
            .query("project", string(), "Only this project's.")
            .query("request", string(), "Only this request's.")
            .query("model", string(), "The caller's or the provider's name of the model.")
            .query("provider", string(), "The provider's configured name.")
            .query("endpoint", string(), "The route, such as `/v1/embeddings`.")
            .query("status", string().example("4xx"), "A status or a class of them.")
            .query("outcome", string(), "How it ended.")
            .query("book", book(), "Live or test.")
            .query("from", time(), "Not older.")
            .query("to", time(), "Older.")
    };
    vec![
        new("/admin/v1/usage", "getUsage", "Sums of usage and cost")
            .about("Over whole hours, from the ledger.")
            .query("from", time(), "The first hour; without it, from the beginning.")
            .query("to", time(), "The end; without it, now.")
            .query(
                "group_by",
                string().example("model,day"),
                "Any of key, project, model, provider, day, hour, endpoint.",
            )
            .query("book", book().default("live"), "Live or test.")
            .gives(
                200,
                "The sums.",
                [body(
                    object()
                        .need("data", array(refer("UsageRow")))
                        .need("from", time())
                        .need("to", time())
                        .need("book", string()),
                )],
            ),
        filtered(new("/admin/v1/requests", "listRequests", "The request log")).gives(
            200,
            "Newest first.",
            [body(page("Request"))],
        ),
        new("/admin/v1/requests/{request_id}", "getRequest", "One request, with its receipt").gives(
            200,
            "The request.",
            [body(refer("Request"))],
        ),
        new("/admin/v1/timings", "getTimings", "How long requests took")
            .query("from", time(), "Not older.")
            .query("to", time(), "Older.")
            .query("slices", integer().range(1, 200).default(48), "Into how many parts the time is cut.")
            .query("book", book().default("live"), "Live or test.")
            .gives(200, "Percentiles.", [body(refer("Timings"))]),
        filtered(new("/admin/v1/ledger/entries", "listLedgerEntries", "The ledger")).gives(
            200,
            "Newest first.",
            [body(page("LedgerEntry"))],
        ),
        Operation::admin("POST", "/admin/v1/ledger/refunds", "createRefund", Tag::Money, "Give money back")
            .about("Writes a refund entry linked to the charge. The same cause with the same amount again changes nothing.")
            .takes(body(refer("RefundCreate")))
            .gives(200, "It was given back before.", [body(refer("LedgerEntry"))])
            .gives(201, "The refund.", [body(refer("LedgerEntry"))])
            .fails(&[400, 401, 404, 409, 413, 429, 500, 503]),
        new("/admin/v1/ledger/verify", "verifyLedger", "Do the books add up")
            .about("Checks every invariant over every entry, now.")
            .gives(200, "What was found.", [body(refer("Verification"))]),
        new("/admin/v1/prices", "listPrices", "Prices in force")
            .shared("limit")
            .query("after", string(), "The `next` of the page before.")
            .query("provider", string(), "Only this kind's.")
            .query("model", string(), "Only this model's.")
            .gives(200, "By kind and model.", [body(page("Price"))]),
    ]
}

fn running_operations() -> Vec<Operation> {
    let new = |method, path, id, summary| Operation::admin(method, path, id, Tag::Running, summary);
    let list = |of: &str| body(object().need("data", array(refer(of))).need("next", string().or_null()));
    vec![
        new("GET", "/admin/v1/providers", "listProviders", "Providers and their health").gives(
            200,
            "By name.",
            [list("Provider")],
        ),
        new("POST", "/admin/v1/providers/{name}/test", "testProvider", "Test a provider")
            .about(
                "Asks the provider for its list of models with each of its accounts. Nothing is generated or billed.",
            )
            .gives(200, "What came of it.", [body(refer("ProviderTest"))]),
        new("GET", "/admin/v1/models", "listResolvedModels", "Models and where they go").gives(
            200,
            "By name.",
            [list("ResolvedModel")],
        ),
        new("POST", "/admin/v1/explain", "explainRequest", "Explain a request")
            .about("Says what a request would do and may cost; sends, holds and books nothing.")
            .takes(body(refer("ExplainRequest")).example(
                "chat",
                "A chat request",
                json!({
                    "path": "/v1/chat/completions",
                    "body": { "model": "gpt-5-mini", "messages": [{ "role": "user", "content": "Say hello." }] },
                }),
            ))
            .gives(200, "The plan.", [body(refer("Explanation"))]),
        new("GET", "/admin/v1/audit", "listAudit", "The audit log").paged().gives(
            200,
            "Newest first.",
            [body(page("AuditRow"))],
        ),
        new("GET", "/admin/v1/settings", "getSettings", "Settings in force").gives(
            200,
            "The settings.",
            [body(refer("Settings"))],
        ),
    ]
}
