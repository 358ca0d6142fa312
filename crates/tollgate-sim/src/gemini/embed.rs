//! `embedContent` and `batchEmbedContents`.

use serde_json::{Value, json};

use super::{
    Target, ask, body,
    check::{Fields, inner, integer, join, list, object, only, text},
    error::Failure,
    plain,
};
use crate::{call::Call, content::count_tokens, script::Answer, steer::Usage, vector};

const USUAL: i64 = 3_072;
const MOST_REQUESTS: usize = 100;
const KNOWN: &[&str] =
    &["model", "content", "taskType", "title", "outputDimensionality", "embedContentConfig", "autoTruncate"];

pub(super) fn one(call: &mut Call<'_>, _: &Target) -> Result<Answer, Failure> {
    let fields = body(call)?;
    let (values, tokens) = embed(&fields, "")?;
    let mut answer = json!({"embedding": {"values": values}});
    add_usage(call, &mut answer, tokens);
    Ok(plain(call, &answer, tokens, 0))
}

pub(super) fn many(call: &mut Call<'_>, target: &Target) -> Result<Answer, Failure> {
    let fields = body(call)?;
    only(&fields, "", &["model", "requests"])?;
    let requests = list(&fields, "requests");
    if requests.is_empty() || requests.len() > MOST_REQUESTS {
        return Err(Failure::invalid(format!(
            "* BatchEmbedContentsRequest.requests: at most {MOST_REQUESTS} requests can be in one batch, and at least 1\n"
        )));
    }
    let mut all = Vec::with_capacity(requests.len());
    let mut sum = 0;
    for (at, request) in requests.iter().enumerate() {
        let path = format!("requests[{at}]");
        let request = object(request, &path)?;
        let model = text(request, &path, "model")?.unwrap_or_default();
        if model.is_empty() {
            return Err(Failure::invalid(format!(
                "* BatchEmbedContentsRequest.{path}.model: model is not specified\n"
            )));
        }
        if model.trim_start_matches("models/") != target.model {
            return Err(Failure::invalid(format!(
                "* BatchEmbedContentsRequest.{path}.model: the model must match the model of the batch\n"
            )));
        }
        let (values, tokens) = embed(request, &path)?;
        all.push(json!({"values": values}));
        sum += tokens;
    }
    let mut answer = json!({"embeddings": all});
    add_usage(call, &mut answer, sum);
    Ok(plain(call, &answer, sum, 0))
}

fn add_usage(call: &Call<'_>, answer: &mut Value, tokens: u64) {
    let number = call.steer.usage.number(tokens).filter(|_| call.steer.usage != Usage::None);
    if let (Some(number), Value::Object(fields)) = (number, answer) {
        fields.insert("usageMetadata".to_owned(), json!({"promptTokenCount": number}));
    }
}

/// The vector of one request, and how many tokens it took.
fn embed(fields: &Fields, path: &str) -> Result<(Vec<f32>, u64), Failure> {
    only(fields, path, KNOWN)?;
    let content = inner(fields, path, "content")?;
    let said = content.map(|content| ask::said(content, &join(path, "content"))).transpose()?.unwrap_or_default();
    if said.is_empty() {
        return Err(Failure::invalid("* EmbedContentRequest.content: contents is not specified\n"));
    }
    let config = inner(fields, path, "embedContentConfig")?.unwrap_or(fields);
    let dimensions = integer(config, path, "outputDimensionality")?.unwrap_or(USUAL);
    if !(1..=USUAL).contains(&dimensions) {
        return Err(Failure::invalid(format!(
            "* EmbedContentRequest.output_dimensionality: must be in the range [1, {USUAL}]\n"
        )));
    }
    let dimensions = usize::try_from(dimensions).unwrap_or_default();
    Ok((vector::of_text(&said, dimensions), count_tokens(&said)))
}
