//! `POST /embeddings`: unit vectors made from the words of the input, so that texts with words in common are near.
//!
//! The same input gives the same numbers in both encodings. Checks what `OpenAI` checks.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    check::{given, integer, too_long},
    error::{Failure, missing, not_supported},
    model_name, object,
};
use crate::{call::Call, content::count_tokens, script::Answer, vector};

const MOST_INPUTS: usize = 2_048;
const MOST_TOKENS: u64 = 8_192;
const MOST_IN_ALL: u64 = 300_000;

/// One text or one array of tokens.
enum Input<'a> {
    Text(&'a str),
    Tokens(&'a [Value]),
}

impl Input<'_> {
    fn tokens(&self) -> u64 {
        match self {
            Self::Text(text) => count_tokens(text),
            Self::Tokens(tokens) => tokens.len() as u64,
        }
    }

    fn vector(&self, dimensions: usize) -> Vec<f32> {
        match self {
            Self::Text(text) => vector::of_text(text, dimensions),
            Self::Tokens(tokens) => vector::of_ids(tokens.iter().filter_map(Value::as_u64), dimensions),
        }
    }
}

pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let fields = object(call.request.body)?;
    let model = model_name(&fields)?;
    let inputs = inputs(fields.get("input").ok_or_else(|| missing("input"))?)?;
    let base64 = match given(&fields, "encoding_format") {
        None => false,
        Some(Value::String(format)) if format == "float" => false,
        Some(Value::String(format)) if format == "base64" => true,
        Some(other) => {
            return Err(not_supported("encoding_format", &other.to_string(), &["float", "base64"]));
        }
    };
    let usual = if model.contains("large") { 3_072 } else { 1_536 };
    if let Some(Value::Number(asked)) = fields.get("dimensions")
        && asked.as_i64().is_some_and(|asked| asked < 1)
    {
        return Err(Failure::plain(format!("{asked} is less than the minimum of 1 - 'dimensions'")));
    }
    let dimensions = integer(&fields, "dimensions", 1, usual)?.unwrap_or(usual.unsigned_abs());
    let dimensions = usize::try_from(dimensions).unwrap_or_default();
    let counts: Vec<u64> = inputs.iter().map(Input::tokens).collect();
    let prompt: u64 = counts.iter().sum();
    if let Some(count) = counts.iter().find(|count| **count > MOST_TOKENS) {
        return Err(Failure::plain(format!(
            "This model's maximum context length is {MOST_TOKENS} tokens, however you requested {count} tokens ({count} \
             in your prompt; 0 for the completion). Please reduce your prompt; or completion length."
        )));
    }
    if prompt > MOST_IN_ALL {
        let message = format!("Requested {prompt} tokens, max {MOST_IN_ALL} tokens per request");
        return Err(Failure { code: Some("max_tokens_per_request"), ..Failure::plain(message) });
    }
    let mut out = String::with_capacity(inputs.len() * dimensions * if base64 { 6 } else { 13 } + 256);
    out.push_str("{\"object\":\"list\",\"data\":[");
    for (index, input) in inputs.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        put(&mut out, format_args!("{comma}{{\"object\":\"embedding\",\"index\":{index},\"embedding\":"));
        write_vector(&input.vector(dimensions), base64, &mut out);
        out.push('}');
    }
    put(&mut out, format_args!("],\"model\":{},", Value::from(model)));
    put(&mut out, format_args!("\"usage\":{{\"prompt_tokens\":{prompt},\"total_tokens\":{prompt}}}}}"));
    if call.steer.usage == crate::steer::Usage::None {
        let at = out.rfind(",\"usage\"").unwrap_or(out.len());
        out.truncate(at);
        out.push('}');
    }
    Ok(call.plain(200, "application/json", out.into_bytes(), prompt, 0))
}

fn inputs(input: &Value) -> Result<Vec<Input<'_>>, Failure> {
    let refuse = || {
        Failure::plain(
            "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
        )
    };
    let list = match input {
        Value::String(text) if !text.is_empty() => return Ok(vec![Input::Text(text)]),
        Value::Array(list) if !list.is_empty() => list,
        _ => return Err(refuse()),
    };
    if list.iter().all(Value::is_u64) {
        return Ok(vec![Input::Tokens(list)]);
    }
    if list.len() > MOST_INPUTS {
        return Err(too_long("input", MOST_INPUTS, list.len()));
    }
    let all_texts = list.iter().all(Value::is_string);
    list.iter()
        .map(|input| match input {
            Value::String(text) if all_texts && !text.is_empty() => Ok(Input::Text(text)),
            Value::Array(tokens) if !tokens.is_empty() && tokens.iter().all(Value::is_u64) => Ok(Input::Tokens(tokens)),
            _ => Err(refuse()),
        })
        .collect()
}

fn write_vector(vector: &[f32], base64: bool, out: &mut String) {
    if base64 {
        let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        out.push('"');
        STANDARD.encode_string(bytes, out);
        out.push('"');
        return;
    }
    let mut before = '[';
    for value in vector {
        out.push(before);
        put(out, format_args!("{value}"));
        before = ',';
    }
    out.push(']');
}

/// Writing to a string cannot fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
