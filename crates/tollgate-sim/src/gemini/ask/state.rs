//! Thought signatures: what the simulator gave out comes back in the same part, whatever else changed.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    super::error::Failure,
    contents::{Data, Turn, loop_start},
};
use crate::{
    call::Call,
    seal::{self, Kind},
};

/// What the vendor takes instead of a signature, for a history that never had any (ai.google.dev, 2026-08).
const SENTINELS: &[&str] = &["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"];

/// `wanted`: in the present loop the first call of each turn must carry one.
pub(super) fn check(turns: &[Turn<'_>], wanted: bool, call: &Call<'_>) -> Result<(), Failure> {
    let account = call.request.credential();
    for (at, turn) in turns.iter().enumerate() {
        for (place, part) in turn.parts.iter().enumerate() {
            let Some(signature) = part.signature.filter(|signature| !SENTINELS.contains(signature)) else {
                continue;
            };
            // Both alphabets of base 64 are read.
            let signature = signature.replace('-', "+").replace('_', "/");
            let name = if let Data::Call(named) = part.data { named.name } else { "" };
            if seal::fits(Kind::Thought, call.stamp.world, &[name, &account], &signature) {
                continue;
            }
            if STANDARD.decode(&signature).is_err() {
                let path = format!("contents[{at}].parts[{place}].thought_signature");
                let description =
                    format!("Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed for \"{signature}\"");
                return Err(Failure::payload(&path, description));
            }
            return Err(Failure::invalid("Corrupted thought signature."));
        }
    }
    if !wanted {
        return Ok(());
    }
    for (at, turn) in turns.iter().enumerate().skip(loop_start(turns)) {
        let first = turn.parts.iter().find(|part| matches!(part.data, Data::Call(_)));
        let Some((Data::Call(named), None)) = first.map(|part| (&part.data, part.signature)) else {
            continue;
        };
        return Err(Failure::invalid(format!(
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to work \
             correctly, and missing thought_signature may lead to degraded model performance. Additional data, function \
             call `default_api:{}` , position {}. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures \
             for more details.",
            named.name,
            at + 1
        )));
    }
    Ok(())
}

/// A signature for a part of an answer: a call's, or the text's with an empty name.
pub(in crate::gemini) fn sign(call: &mut Call<'_>, name: &str) -> String {
    let (account, nonce) = (call.request.credential(), call.stamp.rng.next());
    seal::make(Kind::Thought, call.stamp.world, &[name, &account], nonce)
}
