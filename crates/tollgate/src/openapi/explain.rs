//! What may be asked of `/admin/v1/explain`, and what it tells.

use super::schema::{Schema, any_of, anything, array, boolean, choice, integer, map, object, string, usd};

/// The question.
pub(super) fn request() -> Schema {
    object()
        .about("A data-plane request to be explained.")
        .need("path", string().example("/v1/chat/completions").about("With its query, if it has one."))
        .need(
            "body",
            any_of([
                map(anything()),
                string().about("The body's text, where its bytes matter or it is no proper JSON."),
            ]),
        )
        .may("key", string().about("The id of the key to ask with; else the one that the headers carry counts."))
        .may("headers", map(string()))
        .may("peer", string().about("The caller's address; by default one that the key may be used from."))
        .may("method", string().default("POST"))
}

/// The plan.
pub(super) fn plan() -> Schema {
    let target = |schema: Schema| {
        schema
            .need("provider", string())
            .need("kind", string().or_null())
            .may("account", integer().about("Its place among the provider's accounts, from 0; not for the sandbox."))
    };
    let price = || object().need("least_usd", usd()).need("most_usd", usd());
    object()
        .about("What a call would do.")
        .need("outcome", choice(&["sent", "answered", "refused"]).about("`answered`: by the gateway itself."))
        .need("request_id", string().about("The one that `refusal` and bodies have in them; no request has it."))
        .need("route", string())
        .need("protocol", string())
        .need("model", string().or_null())
        .need("stream", boolean())
        .need("key", string().or_null())
        .need("project", string().or_null())
        .need("mode", choice(&["live", "test"]))
        .need(
            "refusal",
            object()
                .need(
                    "stage",
                    choice(&["key", "request", "model", "conversation", "admission", "routing", "translation"]),
                )
                .need("status", integer())
                .need("code", string())
                .need("message", string())
                .may("retry_after_s", string())
                .need("body", map(anything()).about("What the caller would read."))
                .or_null(),
        )
        .need("answer", object().need("translation", string()).need("body", map(anything())).or_null())
        .need(
            "candidates",
            array(
                target(object())
                    .need("model", string())
                    .all(&["priority", "weight", "account_weight"], &integer())
                    .may("doubted", boolean())
                    .need("protocol", string())
                    .need("translation", string().or_null().about("As in `x-tollgate-translation`; null: passthrough."))
                    .need("method", string())
                    .need("url", string())
                    .need("headers", map(string()).about("Without what proves the account."))
                    .need("body_bytes", integer())
                    .need("body", map(anything()).or_null().about("As it would be sent; null where it is too long."))
                    .need(
                        "price",
                        price().need("input_tokens", integer()).need("most_output_tokens", integer()).or_null(),
                    ),
            ),
        )
        .need("by_chance", boolean().about("Who of the first ones is asked first is drawn for each call."))
        .need("most_calls", integer())
        .need(
            "rejected",
            array(
                target(object())
                    .need("model", string())
                    .need("reason", choice(&["unpriced", "route", "elsewhere", "resting", "untranslatable"]))
                    .need("message", string())
                    .may("code", string())
                    .may("param", string())
                    .may("rests_for_ms", integer()),
            ),
        )
        .need("price", price().or_null().about("Over all candidates."))
        .need(
            "admission",
            object().need("hold_usd", usd()).need("hold_grows", boolean()).need("tokens", integer()).or_null(),
        )
        .need("limits", map(anything()).or_null().about("What is left now of limits and budgets."))
}
