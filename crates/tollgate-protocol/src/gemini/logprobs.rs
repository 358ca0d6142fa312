//! How likely each token was.

use super::fields;
use crate::canonical::TokenLogprob;
use crate::fault::Fault;
use crate::fields::Fields;
use crate::write::Object;

/// Reads `logprobsResult`.
pub(super) fn read(raw: &str) -> Result<Vec<TokenLogprob>, Fault> {
    let result = fields::read(raw, "logprobsResult")?;
    let mut tops = fields::objects(&result, "topCandidates")?.into_iter();
    let mut tokens = Vec::new();
    for (_, chosen) in fields::objects(&result, "chosenCandidates")? {
        let mut top = Vec::new();
        if let Some((_, alternatives)) = tops.next() {
            for (_, other) in fields::objects(&alternatives, "candidates")? {
                top.push(token(&other, Vec::new())?);
            }
        }
        tokens.push(token(&chosen, top)?);
    }
    Ok(tokens)
}

fn token(fields: &Fields<'_>, top: Vec<TokenLogprob>) -> Result<TokenLogprob, Fault> {
    Ok(TokenLogprob {
        token: fields.text("token")?.unwrap_or_default().into_owned(),
        logprob: fields::number(fields, "logProbability")?.unwrap_or_default(),
        top,
    })
}

/// Writes the members of `logprobsResult`.
pub(super) fn write(result: &mut Object<'_>, tokens: &[TokenLogprob]) {
    let one = |object: &mut Object<'_>, token: &TokenLogprob| {
        object.text("token", &token.token).number("logProbability", token.logprob);
    };
    {
        let mut chosen = result.list("chosenCandidates");
        for token in tokens {
            one(&mut chosen.object(), token);
        }
    }
    if tokens.iter().all(|token| token.top.is_empty()) {
        return;
    }
    let mut tops = result.list("topCandidates");
    for token in tokens {
        let mut alternatives = tops.object();
        let mut list = alternatives.list("candidates");
        for other in &token.top {
            one(&mut list.object(), other);
        }
    }
}
