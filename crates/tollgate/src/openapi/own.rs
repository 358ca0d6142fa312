//! Models, the calling key, receipts, and the service's own pages.

use super::errors::Envelope;
use super::operation::{Operation, Tag, body, text};
use super::schema::{Schema, any_of, anything, array, boolean, choice, constant, integer, map, number, object, refer};
use super::schema::{string, time, usd};
use serde_json::json;

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    let anthropic = object()
        .need("id", string())
        .need("type", constant("model"))
        .need("display_name", string())
        .need("created_at", string());
    let gemini = object()
        .need("name", string().about("`models/` and the public name."))
        .may("displayName", string())
        .may("supportedGenerationMethods", array(string()))
        .all(&["inputTokenLimit", "outputTokenLimit"], &integer());
    vec![
        (
            "Model",
            object()
                .about("A model that this key may use, in OpenAI's form.")
                .need("id", string().about("The public name."))
                .need("object", constant("model"))
                .need("created", integer())
                .need("owned_by", string()),
        ),
        ("ModelList", object().need("object", constant("list")).need("data", array(refer("Model")))),
        ("ClaudeModel", anthropic),
        (
            "ClaudeModelList",
            object()
                .need("data", array(refer("ClaudeModel")))
                .need("first_id", string().or_null())
                .need("last_id", string().or_null())
                .need("has_more", boolean()),
        ),
        ("GeminiModel", gemini),
        (
            "GeminiModelList",
            object().need("models", array(refer("GeminiModel"))).may("nextPageToken", string().or_null()),
        ),
        ("Usage", usage()),
        ("Receipt", receipt()),
        ("KeyInfo", key()),
        (
            "Limits",
            object()
                .about("Null is unlimited.")
                .all(&["requests_per_minute", "tokens_per_minute", "concurrency"], &integer().least(1).or_null()),
        ),
    ]
}

/// Disjoint counters: nothing is counted in two of them.
fn usage() -> Schema {
    object()
        .about("What was used. No counter is part of another; one that is not there is 0.")
        .all(
            &[
                "input_tokens",
                "cache_read_tokens",
                "cache_write_5m_tokens",
                "cache_write_1h_tokens",
                "output_tokens",
                "reasoning_tokens",
                "audio_input_tokens",
                "audio_output_tokens",
                "image_input_tokens",
                "image_output_tokens",
                "images",
                "tool_calls",
            ],
            &integer(),
        )
        .all(&["audio_seconds", "video_seconds"], &number())
}

/// What charges, requests and receipts have in common.
pub(super) fn charged(of: Schema) -> Schema {
    of.need("request_id", string())
        .need("key_id", string())
        .need("project_id", string())
        .need("book", choice(&["live", "test"]).about("Test keys' calls are booked apart."))
        .need("amount_usd", usd())
        .need(
            "basis",
            choice(&["provider", "estimated", "recovered", "none"]).about("Whose count the amount rests on."),
        )
        .need("usage", refer("Usage"))
        .need("price_version", string().or_null())
        .need("provider", string().or_null())
        .may("provider_kind", string().or_null())
        .need("model", string().about("As the provider names it."))
        .may("requested_model", string().about("As the caller named it."))
        .need("endpoint", string())
        .need("flags", array(string()))
        .need("created_at", time())
}

fn receipt() -> Schema {
    charged(object().about("What one request cost and why."))
        .need("charge_id", string())
        .need("status", integer())
        .need("outcome", string())
        .need("reason", string().about("For people: why it is charged as it is."))
        .need(
            "lines",
            array(
                object()
                    .need("counter", string())
                    .need("quantity", integer())
                    .need("rate_usd", usd().or_null())
                    .need("per", integer().about("The rate is for this many.")),
            )
            .about("Counters times rates; their sum, rounded once, is the amount."),
        )
        .need("attempts", integer().about("Calls made to providers."))
        .need("failed_attempts", array(object().may("provider", string()).may("error", string())))
        .need("refunds", array(map(anything())))
        .need("net_usd", usd().about("The amount less its refunds."))
}

fn key() -> Schema {
    let spend = || object().all(&["total_usd", "day_usd", "week_usd", "month_usd"], &usd());
    let budget = || {
        object()
            .need("limit_usd", usd())
            .need("window", choice(&["total", "day", "week", "month"]))
            .may("mode", choice(&["strict", "soft", "meter"]))
            .all(&["spent_usd", "held_usd", "left_usd"], &usd())
            .may("resets_at", time().or_null())
            .or_null()
    };
    let rate = || object().all(&["limit", "remaining", "reset_ms"], &integer()).or_null();
    object()
        .about("What the calling key may do and has done.")
        .need("id", string())
        .need("name", string())
        .need("mode", choice(&["live", "test"]))
        .need("expires_at", time().or_null())
        .need("allowed_models", array(string()).about("Globs; empty means all."))
        .need("budget", budget())
        .need("limits", refer("Limits"))
        .need("spend", spend())
        .need("in_flight", integer().about("Requests open now."))
        .need("rates", object().may("requests", rate()).may("tokens", rate()))
        .need(
            "project",
            object()
                .need("id", string())
                .need("budget", budget())
                .need("limits", refer("Limits"))
                .need("spend", spend()),
        )
}

pub(super) fn operations() -> Vec<Operation> {
    let mut all = models();
    let new = |path, id, summary| Operation::new(("GET", path), id, Tag::Own, Envelope::OpenAi, summary);
    all.push(
        new("/v1/key", "getKey", "The calling key")
            .about("Limits, budgets and spend of the key that asks. Costs nothing.")
            .gives(200, "The key.", [body(refer("KeyInfo"))])
            .fails(&[400, 401, 403, 500]),
    );
    all.push(
        new("/v1/receipts/{request_id}", "getReceipt", "A receipt")
            .about("What one request of this key's project cost, and why.")
            .gives(200, "The receipt.", [body(refer("Receipt"))])
            .fails(&[400, 401, 403, 404, 500]),
    );
    all.extend(service());
    all
}

fn models() -> Vec<Operation> {
    const LIST: &[u16] = &[400, 401, 403, 500];
    const ONE: &[u16] = &[400, 401, 403, 404, 500];
    let new = |path, id, envelope, summary| Operation::new(("GET", path), id, Tag::Models, envelope, summary);
    let version = "With this header the answer has Anthropic's form.";
    vec![
        new("/v1/models", "listModels", Envelope::OpenAi, "List models")
            .about("The models that this key may use.")
            .header("anthropic-version", string(), version)
            .gives(
                200,
                "The models.",
                [body(any_of([refer("ModelList"), refer("ClaudeModelList")])).example(
                    "openai",
                    "OpenAI's form",
                    json!({
                        "object": "list",
                        "data": [{ "id": "gpt-5-mini", "object": "model", "created": 1_700_000_000, "owned_by": "openai" }],
                    }),
                )],
            )
            .fails(LIST),
        new("/v1/models/{model}", "getModel", Envelope::OpenAi, "Get a model")
            .header("anthropic-version", string(), version)
            .gives(
                200,
                "The model.",
                [body(any_of([refer("Model"), refer("ClaudeModel")])).example(
                    "openai",
                    "OpenAI's form",
                    json!({ "id": "gpt-5-mini", "object": "model", "created": 1_700_000_000, "owned_by": "openai" }),
                )],
            )
            .fails(ONE),
        new("/v1beta/models", "listGeminiModels", Envelope::Google, "List models, in Gemini's form")
            .gives(200, "The models.", [body(refer("GeminiModelList"))])
            .fails(LIST),
        new("/v1beta/models/{model}", "getGeminiModel", Envelope::Google, "Get a model, in Gemini's form")
            .gives(200, "The model.", [body(refer("GeminiModel"))])
            .fails(ONE),
    ]
}

fn service() -> Vec<Operation> {
    let plain = || [text("text/plain")];
    vec![
        Operation::public("/healthz", "getHealth", "Is the process alive").gives(200, "It is.", plain()),
        Operation::public("/readyz", "getReadiness", "Does it take requests").gives(200, "It does.", plain()).gives(
            503,
            "It is starting or draining.",
            plain(),
        ),
        Operation::public("/metrics", "getMetrics", "Metrics")
            .about("OpenMetrics. On the admin listener, where there is one.")
            .gives(200, "The metrics.", [text("application/openmetrics-text")]),
        Operation::public("/openapi.json", "getOpenApi", "This document").gives(200, "OpenAPI 3.1.", [body(object())]),
        Operation::public("/docs", "getDocs", "The reference, for people").gives(200, "A page.", [text("text/html")]),
        Operation::public("/llms.txt", "getLlmsTxt", "The reference, for language models").gives(
            200,
            "A list of pages with their addresses.",
            plain(),
        ),
    ]
}
