//! Why an answer ended, by the vendor's names.

use crate::canonical::Finish;
use crate::fault::Fault;
use crate::scrub;

/// What a reason says of an answer that calls tools, or does not. A call ends with `STOP`.
pub(super) fn read(reason: &str, calls: bool) -> Finish {
    match reason {
        // By its number, as clients of the vendor's own remote calls ask for.
        "MAX_TOKENS" | "2" => Finish::Length,
        _ if calls => Finish::ToolCalls,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "MODEL_ARMOR"
        | "JAILBREAK" | "3" | "4" => Finish::Filtered,
        _ if reason.starts_with("IMAGE_") => Finish::Filtered,
        // Reasons that nobody has heard of end an answer too.
        _ => Finish::Stop,
    }
}

/// The fault for a reason that says that there is no answer, unless the model called tools all the same.
pub(super) fn broken(reason: &str, message: Option<&str>, calls: bool) -> Option<Fault> {
    let broken = matches!(
        reason,
        "MALFORMED_FUNCTION_CALL"
            | "UNEXPECTED_TOOL_CALL"
            | "TOO_MANY_TOOL_CALLS"
            | "MALFORMED_RESPONSE"
            | "MISSING_THOUGHT_SIGNATURE"
            | "NO_IMAGE"
            | "OTHER"
    );
    if !broken || calls {
        return None;
    }
    let why = message.map(|text| format!(": {}", scrub::text(text))).unwrap_or_default();
    Some(Fault::broken("upstream_no_answer", format!("The provider's model gave up ({reason}){why}")))
}

/// The word for it. Refusals have none of their own.
pub(super) fn word(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopText(_) | Finish::ToolCalls | Finish::Paused => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Filtered | Finish::Refused(_) => "SAFETY",
    }
}
