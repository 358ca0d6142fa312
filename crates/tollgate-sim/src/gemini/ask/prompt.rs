//! How many tokens a prompt has, by a rule simple enough to work out by hand in a test.
//!
//! For each turn and for the system instruction 1 and the tokens of its texts, of its calls (name, arguments as compact
//! JSON) and responses (name, response as compact JSON), one for each started 1,000 characters of inline data, 258 for a
//! file that is elsewhere; the tokens of the `tools` array as compact JSON.

use serde_json::Value;

use super::{
    super::check::{Fields, given},
    contents::{Data, Part, Turn},
};
use crate::content::count_tokens;

const ELSEWHERE: u64 = 258;

#[derive(Debug, Default)]
pub(super) struct Counted {
    pub tokens: u64,
    /// Of the texts, without white space.
    pub characters: u64,
}

pub(super) fn count(fields: &Fields, system: Option<&Turn<'_>>, turns: &[Turn<'_>]) -> Counted {
    let mut counted = Counted::default();
    for turn in system.into_iter().chain(turns) {
        counted.tokens += 1;
        for part in &turn.parts {
            counted.tokens += of(part);
            if let Data::Text(text) = part.data {
                counted.characters += text.chars().filter(|char| !char.is_whitespace()).count() as u64;
            }
        }
    }
    counted.tokens += given(fields, "tools").map_or(0, |tools| count_tokens(&tools.to_string()));
    counted
}

fn of(part: &Part<'_>) -> u64 {
    let function = |name: &str, payload: &str| {
        let inner = given(part.fields, name).and_then(Value::as_object);
        inner.and_then(|inner| given(inner, payload)).map_or(0, |payload| count_tokens(&payload.to_string()))
    };
    match part.data {
        Data::Text(text) => count_tokens(text),
        Data::Call(named) => count_tokens(named.name) + function("functionCall", "args"),
        Data::Response(named) => count_tokens(named.name) + function("functionResponse", "response"),
        Data::Inline(data) => data.len().div_ceil(1_000) as u64,
        Data::Other if given(part.fields, "fileData").is_some() => ELSEWHERE,
        Data::Other => 0,
    }
}
