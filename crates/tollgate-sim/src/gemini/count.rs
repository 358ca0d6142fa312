//! `countTokens`: the same count as an answer's usage has.

use serde_json::{Value, json};

use super::{
    Target,
    ask::Ask,
    body,
    check::{Fields, inner, only},
    error::Failure,
    plain,
};
use crate::{call::Call, script::Answer};

pub(super) fn answer(call: &mut Call<'_>, target: &Target) -> Result<Answer, Failure> {
    let fields = body(call)?;
    let asked: Fields = match inner(&fields, "", "generateContentRequest")? {
        Some(request) => {
            only(&fields, "", &["model", "generateContentRequest"])?;
            request.clone()
        }
        None if target.vertex => {
            let known = ["model", "contents", "systemInstruction", "tools", "generationConfig", "instances"];
            only(&fields, "", &known)?;
            fields
        }
        None => {
            only(&fields, "", &["model", "contents"])?;
            fields
        }
    };
    let ask = Ask::read(&asked, call, target)?;
    let tokens = ask.wish.prompt_tokens;
    let mut counted = json!({"totalTokens": tokens});
    if let Value::Object(fields) = &mut counted {
        if target.vertex {
            fields.insert("totalBillableCharacters".to_owned(), ask.characters.into());
        }
        fields.insert("promptTokensDetails".to_owned(), json!([{"modality": "TEXT", "tokenCount": tokens}]));
    }
    Ok(plain(call, &counted, tokens, 0))
}
